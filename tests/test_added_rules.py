"""Rules of an operator's own: from a folder or a package, and clear about their mistakes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from partywall_analyzer import Analysis, analyze
from partywall_analyzer.rules import FOLDERS, failures, rules
from partywall_analyzer.rules import own as our_rules
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import open_store

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "rules"
NIGHT = 14 * 3600.0
"""Seconds from the start of a log, at nine, to eleven in the evening."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a read of another tenant's dataset, and two deletions, one at night."""
    url = f"chdb://{tmp_path_factory.mktemp('added') / 'home'}"
    with open_store(url, role="owner") as store:
        write(
            [
                *(Tenant(id=name) for name in ("acme", "fjord")),
                DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
            ],
            store,
        )
        log = Log(store)
        log.call("acme", session="visit", reads=["crm/fjord/1"])
        log.call("acme", session="day", tool="drop", operation="delete")
        log.call("acme", session="night", tool="drop", operation="delete", at=NIGHT)
        log.write()
    return url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example's rules in a folder that may be spoilt."""
    made = tmp_path / "rules"
    shutil.copytree(EXAMPLE, made)
    monkeypatch.setenv(FOLDERS, str(made))
    return made


def found(analysis: Analysis) -> set[tuple[str, str]]:
    return {(finding.rule, finding.session_id) for finding in analysis.findings}


def test_a_folder_adds_rules_and_ours_go_on(home: str, folder: Path) -> None:
    """The deletion at night is found, the one by day is its twin."""
    assert [each.id for each in rules() if each not in our_rules()] == ["night-delete"]
    with open_store(home, role="owner") as store:
        analysis = analyze(store, whole=True)
        night = next(each for each in analysis.findings if each.rule == "night-delete")
    assert found(analysis) == {("foreign-dataset", "visit"), ("night-delete", "night")}
    assert night.reasons == ("hours.closed",)
    assert "Nobody was at work" in night.sentence
    assert (night.from_tenant, night.to_tenant, night.severity) == ("acme", "acme", "medium")


def test_a_package_names_itself_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[project.entry-points."partywall.rules"]` with the name of the package."""
    shutil.copytree(EXAMPLE, tmp_path / "night_watch")
    (tmp_path / "night_watch" / "__init__.py").touch()
    about = tmp_path / "night_watch-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: night-watch\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[partywall.rules]\nnight = night_watch\nlost = not_installed\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv(FOLDERS, str(tmp_path / "nowhere"))
    assert "night-delete" in [each.id for each in rules()]
    lost, nowhere = (str(error) for error in failures())
    assert lost.startswith("not_installed: the entry point of partywall.rules names no package")
    assert nowhere == f"{tmp_path / 'nowhere'}: there is no such folder of rules"


MISTAKES = {
    "a slip in the code": ("py", "opens=", "opens= =", ":15: SyntaxError:"),
    "code that fails": (
        "py",
        "ceiling=Severity.MEDIUM",
        "ceiling=Severity.GRAVE",
        ":19: AttributeError: ",
    ),
    "no rule": ("py", "RULE = Rule", "OTHER = Rule", ":1: sets no RULE"),
    "another name": ("py", '"night-delete"', '"day-delete"', ":1: the rule is called 'day-del"),
    "no docstring": ("py", '"""A call', '""\n_ = """A call', ":1: has no docstring"),
    "a word that nobody fills in": ("py", "{tool}", "{toll}", ":1: no word {toll} in a text"),
    "half a word": ("py", "{tool}", "{tool", ":1: no word {"),
    "an id of no framework": ("py", '"ASI02"', '"ASI99"', ":1: no framework has the id 'ASI99'"),
    "an id of ours": ("py", '"night-delete"', '"flow"', ":1: the rule is called 'flow'"),
    "the table itself": ("sql", "{calls:Identifier}", "calls", ":8: reads the table calls"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_file_and_line(folder: Path, mistake: str) -> None:
    """It leaves out that rule, and no other."""
    ending, old, new, told = MISTAKES[mistake]
    file = folder / f"night_delete.{ending}"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    (error,) = failures()
    assert str(error).startswith(f"{file}{told}")
    assert rules() == our_rules()


def test_a_missing_statement_is_told(folder: Path) -> None:
    """Two files make a rule."""
    (folder / "night_delete.sql").unlink()
    (error,) = failures()
    assert str(error).startswith(f"{folder / 'night_delete.sql'}: its statement cannot be read")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("AND NOT failed", "AND NOT )", ":9: "), ("tool, attestation", "attestation", ": ")],
)
def test_a_statement_that_fails_ends_with_2_and_changes_nothing(
    home: str, folder: Path, old: str, new: str, told: str
) -> None:
    """The other rules are done, the command ends with 2, and what the rule had found stands."""
    with open_store(home, role="owner") as store:
        analyze(store, whole=True)
    file = folder / "night_delete.sql"
    file.write_text(file.read_text().replace(old, new))
    command = [sys.executable, "-m", "partywall", "analyze", "--json", "--store", home]
    done = subprocess.run(
        [*command, "--rules", str(folder), "--fail-on", "never"],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != FOLDERS},
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert f"rule left out: {file}{told}its statement failed: " in done.stderr
    said = json.loads(done.stdout)
    assert len(said["errors"]) == 1
    assert said["withdrawn"] == []
    assert {each["rule"] for each in said["findings"]} == {"foreign-dataset", "night-delete"}


def test_a_rule_that_changes_makes_the_next_analysis_a_whole_one(
    home: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is taken away takes its findings with it."""
    with open_store(home, role="owner") as store:
        analyze(store)
        assert not analyze(store).whole
        other = _copy(folder, tmp_path / "other", "NOT failed", "tool != 'drop'")
        monkeypatch.setenv(FOLDERS, str(other))
        changed = analyze(store)
        assert changed.whole
        assert [each.rule for each in changed.withdrawn] == ["night-delete"]
        monkeypatch.delenv(FOLDERS)
        assert analyze(store).whole


def _copy(folder: Path, into: Path, old: str, new: str) -> Path:
    shutil.copytree(folder, into)
    file = into / "night_delete.sql"
    file.write_text(file.read_text().replace(old, new))
    return into
