"""docs/rules.md says what the rules say."""

from pathlib import Path

import partywall_analyzer
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
