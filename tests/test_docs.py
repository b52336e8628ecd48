"""The documentation is complete and its commands are real."""

import re
import subprocess
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])
COMMANDS = sorted(command.name for command in entry_points(group="partywall.commands"))
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)[^)]*\)")
TYPED = re.compile(
    r"^(?:\$ )?(?:uv run )?partywall (?P<name>[a-z]+)(?P<rest>[^#|\n]*)", re.MULTILINE
)
FLAG = re.compile(r"(?<=\s)--[a-z][a-z-]*")


def fenced(page: Path) -> str:
    """All code blocks of a page, one after the other."""
    return "\n".join(
        re.findall(r"^```[^\n]*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    )


@cache
def help_of(*words: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "partywall", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """No relative link of a page is dead."""
    dead = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not dead


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_and_explains_itself(name: str) -> None:
    """Each `partywall NAME` stands in a page, and its --help has a usage line and an example."""
    assert any(f"partywall {name}" in page.read_text() for page in PAGES)
    text = help_of(name)
    assert text.startswith("usage:")
    assert f"partywall {name}" in text.split("\n\n", 1)[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented(name: str) -> None:
    """Each option that --help lists appears in a page beside its command."""
    pages = [page.read_text() for page in PAGES if f"partywall {name}" in page.read_text()]
    missing = {
        flag
        for flag in FLAG.findall(help_of(name)) + FLAG.findall(help_of(name).replace("[", " "))
        if flag != "--help" and not any(flag in text for text in pages)
    }
    assert not missing


def is_subcommand(word: str, text: str) -> bool:
    """Whether a help lists a word as a command below it: on a line of its own, or in braces."""
    listed = rf"^ +{re.escape(word)}(  |$)|\{{[^}}]*\b{re.escape(word)}\b"
    return bool(re.fullmatch(r"[a-z][a-z-]*", word) and re.search(listed, text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_shown_in_pages_exist_with_their_options(page: Path) -> None:
    """A reader can type what a page shows: the command is there and knows the options."""
    for shown in TYPED.finditer(fenced(page)):
        name, rest = shown["name"], shown["rest"]
        assert name in COMMANDS, shown[0]
        path, text = [name], help_of(name)
        for word in rest.split():
            if not is_subcommand(word, text):
                break
            path.append(word)
            text += help_of(*path)
        unknown = [
            flag for flag in FLAG.findall(" " + rest) if flag not in text and flag != "--help"
        ]
        assert not unknown, shown[0]
