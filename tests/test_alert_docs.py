"""docs/alerts.md: every key of every target has its row, and each example is a good file."""

import base64
import re
from pathlib import Path

import pytest

from partywall_analyzer.alerts.config import TOP, AlertConfig, Contain, Retry, Route
from partywall_analyzer.alerts.targets import TARGETS
from partywall_collector.components import keys
from partywall_collector.config_document import parse

PAGE = (Path(__file__).parent.parent / "docs" / "alerts.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("part", [*TARGETS.values(), Route, Contain, Retry])
def test_every_key_is_documented(part: type) -> None:
    """A row with its name, type, default and meaning."""
    for key in keys(part):
        assert f"| `{key.name}` | {key.type} | {key.shown} | {key.doc} |" in PAGE


def test_every_target_has_an_example_that_is_a_good_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the secrets in the environment, each block is read without a complaint."""
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    shown: set[str] = set()
    for example in EXAMPLES:
        for name in re.findall(r"\$\{env:(\w+)\}", example):
            monkeypatch.setenv(name, "https://x" if name.startswith("SLACK") else secret)
        shown |= {name.partition("/")[0] for name in AlertConfig.read(parse(example, "x")).targets}
    assert shown == set(TARGETS)
    assert all(f"`{key}`" in PAGE or f"{key}:" in PAGE for key in TOP)
