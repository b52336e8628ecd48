"""`partywall analyze`, `who` and `chain` as processes: output, exit codes and errors."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partywall_analyzer.commands import analyze, chain, who
from partywall_analyzer.testing import Log
from partywall_collector.commands.options import moment
from partywall_collector.registry import DatasetOwner, Record, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store
from partywall_collector.store.facade import serve

RECORDS: list[Record] = [
    Tenant(id="acme", name="Acme Logistics"),
    Tenant(id="fjord", name="Fjord Bank"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
]


@dataclass(frozen=True)
class Ran:
    """What a process said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """Its output, which must be one object."""
        return json.loads(self.out)


def run(*arguments: str, store: str, **environment: str) -> Ran:
    """Run a partywall command over a store."""
    command = [sys.executable, "-m", "partywall", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PARTYWALL_STORE": store, "COLUMNS": "100"} | environment,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store in which acme's agent wrote to fjord's CRM."""
    url = f"chdb://{tmp_path_factory.mktemp('commands') / 'home'}"
    with open_store(url) as store:
        plant(store)
    return url


def plant(store: Store) -> None:
    """One call through the wall."""
    write(RECORDS, store)
    log = Log(store)
    agent = log.agent("acme", request="REQ-7")
    log.call("acme", parent=agent, tool="update_case", writes=["crm/fjord/1"], request="REQ-7")
    log.write()


@pytest.fixture(scope="module")
def analyzed(home: str) -> Ran:
    """The first analysis of that store."""
    return run("analyze", "--json", store=home)


def test_analyze_prints_one_object_and_fails_on_what_it_found(analyzed: Ran) -> None:
    """A critical finding is at or above the default."""
    assert analyzed.code == 1, analyzed.err
    said = analyzed.json()
    assert (said["spans"], len(said["new"]), len(said["findings"])) == (2, 1, 1)
    assert said["findings"][0]["severity"] == "critical"
    assert said["findings"][0]["chain"]["hops"]


@pytest.mark.usefixtures("analyzed")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--fail-on", "critical"), 1),
        (("--fail-on", "never"), 0),
        (("--since", "2026-03-02T10:00Z"), 0),
    ],
)
def test_what_fails_is_a_choice(home: str, arguments: tuple[str, ...], code: int) -> None:
    """From which severity up, and since when."""
    ran = run("analyze", *arguments, store=home)
    assert ran.code == code, ran.err
    assert "spans in" in ran.out


@pytest.mark.usefixtures("analyzed")
def test_analyze_lists_findings_for_people(home: str) -> None:
    """One line each, most urgent first, and how to go on; no escape codes in a pipe."""
    ran = run("analyze", store=home)
    assert "1 crossing (1 critical)" in ran.out
    assert "Acme Logistics reached a dataset of Fjord Bank" in " ".join(ran.out.split())
    assert "partywall chain F-" in ran.out
    assert "\x1b" not in ran.out
    assert max(len(line) for line in ran.out.splitlines()) <= 100


def test_chain_shows_lanes_and_six_answers(home: str, analyzed: Ran) -> None:
    """By the beginning of an id; the JSON is the same finding."""
    finding = analyzed.json()["findings"][0]
    ran = run("chain", finding["id"][:8], store=home)
    assert ran.code == 0, ran.err
    for part in ("CROSSES", "crm/fjord/1", "update_case", finding["title"]):
        assert part in ran.out
    for question in ("Who", "For which tenant", "Against which asset", "Approval", "Policy"):
        assert question in ran.out
    assert max(len(line) for line in ran.out.splitlines()) <= 100
    again = run("chain", finding["id"], "--json", store=home).json()
    assert again["chain"] == finding["chain"]
    assert again["recorded_at"]


def test_chain_without_such_a_finding_ends_with_1(home: str) -> None:
    """A line on stderr says how to find one."""
    ran = run("chain", "F-ffffffff", store=home)
    assert ran.code == 1
    assert "partywall analyze" in ran.err
    assert ran.out == ""


def test_who_answers_by_any_key(home: str) -> None:
    """Four answers a call, for people and as JSON."""
    ran = run("who", "--dataset", "crm/fjord/*", store=home)
    assert ran.code == 0, ran.err
    for part in ("Who", "For which tenant", "acme", "owned by fjord", "1 call, latest first"):
        assert part in ran.out
    call = run("who", "--tenant", "acme", "--json", store=home).json()["calls"][0]
    assert call["request_id"] == "REQ-7"
    assert call["answers"][0]["question"] == "Who"
    none = run("who", "--identity", "nobody", store=home)
    assert none.code == 1
    assert "--identity nobody" in none.err


@pytest.mark.parametrize(
    ("main", "arguments"),
    [(analyze.main, []), (who.main, ["--tenant", "acme"]), (chain.main, ["F-12345678"])],
    ids=["analyze", "who", "chain"],
)
def test_a_store_that_is_not_there_is_an_error_and_is_not_made(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    main: Callable[[Sequence[str]], int],
    arguments: list[str],
) -> None:
    """Exit code 2, one line on stderr, nothing on disk."""
    assert main([*arguments, "--store", f"chdb://{tmp_path / 'none'}"]) == 2
    said = capsys.readouterr()
    assert "there is no store at" in said.err
    assert said.err.startswith("partywall ")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("when", ["yesterday", "24x", "", "2026-13-01", "999999999w"])
def test_a_time_that_is_none_is_refused(when: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error shows what is understood."""
    with pytest.raises(SystemExit) as ended:
        analyze.main(["--since", when])
    assert ended.value.code == 2
    assert "--since" in capsys.readouterr().err


def test_times_are_read_as_people_write_them() -> None:
    """So long ago, or a time; without an offset it is UTC."""
    nine = moment("2026-03-02T09:00Z")
    assert nine == moment("2026-03-02T10:00+01:00") == moment("2026-03-02 09:00")
    assert datetime.now(UTC) - moment("36h") - timedelta(hours=36) < timedelta(minutes=1)


def test_commands_work_beside_the_owner_of_the_store(tmp_path: Path) -> None:
    """`partywall up` holds the store; analyze, chain and who go through its endpoint."""
    url = f"chdb://{tmp_path / 'home'}"
    with open_store(url, role="owner") as store, serve(store):
        plant(store)
        ran = run("analyze", "--json", store=url)
        assert ran.code == 1, ran.err
        finding = ran.json()["findings"][0]["id"]
        assert run("chain", finding, "--json", store=url).json()["id"] == finding
        assert run("who", "--tenant", "acme", store=url).code == 0
