"""docs/rules.md says what the rules say."""

from pathlib import Path

import pytest

import partywall_analyzer
from partywall_analyzer.frameworks import frameworks, titled
from partywall_analyzer.limits import Limits
from partywall_analyzer.rules import rules
from partywall_analyzer.rules.__main__ import page

ROOT = Path(__file__).parent.parent


def test_the_page_is_the_rules() -> None:
    """Print it anew with `python -m partywall_analyzer.rules > docs/rules.md`."""
    assert (ROOT / "docs/rules.md").read_text() == page()


def test_every_rule_says_what_it_does_not_see() -> None:
    """A rule that hides its limits would be trusted too far."""
    for rule in rules():
        assert "does not see" in rule.about
        assert "Why:" in rule.about
        assert rule.frameworks


def test_the_public_face_is_sorted_and_real() -> None:
    """Every public name can be imported, and no other is."""
    names = partywall_analyzer.__all__
    assert names == sorted(
        names, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert all(getattr(partywall_analyzer, name) for name in names)
    assert not hasattr(partywall_analyzer, "draw")


def test_every_framework_id_is_known_and_none_means_two_things() -> None:
    """A version, a date and a source stand beside each list; a rule that makes one up fails."""
    ids = [item for each in frameworks() for item in each.items]
    assert len(ids) == len(set(ids))
    assert all(each.version and each.date and each.source for each in frameworks())
    for rule in rules():
        assert list(titled(rule.frameworks)) == list(rule.frameworks)
    with pytest.raises(KeyError, match="ASI11"):
        titled(["ASI11"])


def test_every_limit_is_documented() -> None:
    """Its variable, its usual value and its meaning."""
    text = (ROOT / "docs/analyzer.md").read_text()
    for variable, (usual, meaning) in Limits.docs().items():
        assert f"| `{variable}` | {usual} | {meaning} |" in text
