"""Boundary drills: a crossing on purpose goes the way of every span, and its finding says so."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partywall_analyzer import OPERATOR, Proof, Severity, analyze, get_finding, list_findings
from partywall_analyzer.commands import drill as command
from partywall_analyzer.drill_spans import SENDER
from partywall_analyzer.drills import RULES, TENANTS, drills, prepare
from partywall_analyzer.testing import Log
from partywall_analyzer.watch import run_every
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.registry import DatasetOwner, Principal, Tenant
from partywall_collector.registry.load import current, write
from partywall_collector.store import Store, open_store
from partywall_collector.store.facade import serve
from partywall_collector.store.row_policies import tables


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that its collector owns; commands go through its endpoint."""
    home = tmp_path_factory.mktemp("drill") / "home"
    with open_store(f"chdb://{home}", role="owner") as store, serve(store):
        write([Tenant(id="acme"), Tenant(id="fjord")], store)
        yield store


@pytest.fixture(scope="module")
def collector(store: Store) -> Iterator[Collector]:
    with Collector(store, Config.default(store.url)) as collector:
        yield collector


def run(
    capsys: pytest.CaptureFixture[str], collector: Collector, store: Store, *words: str
) -> tuple[int, dict[str, Any]]:
    code = command.main(
        ["--store", store.url, "--endpoint", collector.http_endpoint, "--json", *words]
    )
    said = capsys.readouterr()
    assert said.out, said.err
    return code, json.loads(said.out)


def test_a_drill_is_found_by_whoever_analyzes(
    capsys: pytest.CaptureFixture[str], collector: Collector, store: Store
) -> None:
    """Over OTLP, as the drills' own tenants, with a token that is good for nothing afterwards."""
    stop = threading.Event()
    loop = threading.Thread(target=lambda: run_every(store, 0.2, stop, lambda _: None))
    loop.start()
    try:
        code, said = run(capsys, collector, store, "--timeout", "60")
    finally:
        stop.set()
        loop.join()
    assert (code, said["found"]) == (0, True)
    assert 0 < said["found_after"] < 60
    finding = get_finding(store, OPERATOR, said["finding_id"])
    assert finding is not None
    assert finding.title.startswith("Drill: ")
    assert (finding.severity, finding.reasons[-1]) == (Severity.INFO, "drill")
    assert (finding.from_tenant, finding.to_tenant) == TENANTS
    assert finding.state == "closed", "an exercise is over when it was seen"
    assert finding.for_tenant(TENANTS[1]).title.startswith("Drill: ")
    (sender,) = [one for one in current(store, Principal) if one.id == SENDER]
    assert sender.token_sha256 == ""
    assert command.main(["--store", store.url, "--list"]) == 0
    assert said["finding_id"] in capsys.readouterr().out


def test_a_drill_between_real_tenants_touches_nothing_of_theirs(
    capsys: pytest.CaptureFixture[str], collector: Collector, store: Store
) -> None:
    """It reaches a name that is made for it; with --page the severity is that of a real one."""
    code, said = run(
        capsys, collector, store, "--from", "acme", "--to", "fjord", "--analyze", "--page",
        "--timeout", "8",
    )  # fmt: skip
    assert code == 1, "it was found, and nobody was told"
    assert said["found"]
    assert said["told_after"] == 0
    finding = get_finding(store, OPERATOR, said["finding_id"])
    assert finding is not None
    assert (finding.severity, finding.title[:7]) == (Severity.HIGH, "Drill: ")
    assert finding.dataset == said["dataset"]
    rows = store.rows("SELECT DISTINCT datasets.id[1] AS name FROM calls WHERE tenant_id = 'acme'")
    assert [row["name"] for row in rows] == [said["dataset"]]


def test_a_drill_that_nobody_finds_fails(
    capsys: pytest.CaptureFixture[str], collector: Collector, store: Store
) -> None:
    """That is what it is for: here nothing analyzes."""
    code, said = run(capsys, collector, store, "--timeout", "1")
    assert (code, said["found"]) == (1, False)
    assert next(each.found_after for each in drills(store)) == 0


def test_a_call_cannot_pass_for_a_drill(store: Store) -> None:
    """Neither by the form of the name, nor by a drill's name in another tenant's session."""
    real = prepare(store, "acme", "fjord", pages=False, token="").drill
    write([DatasetOwner(pattern="crm/fjord/*", owner="fjord")], store)
    log = Log(store, first=1 << 32)
    log.call("acme", reads=["partywall-drill://fjord/guess"], session="g", at=5)
    log.call("gate", reads=[real.dataset], session="h", at=5)
    # Data of its own, then data of fjord, both to a drill's dataset of gate: not all is a drill's.
    write(
        [Tenant(id="gate"), DatasetOwner(pattern="partywall-drill://gate/*", owner="gate")], store
    )
    run = log.agent("acme", session="i")
    name = f"partywall-drill://gate/{real.id}"
    log.call("acme", parent=run, session="i", at=5, reads=[real.dataset], values_out=[61])
    log.call("acme", parent=run, session="i", at=7, writes=[name], values_in=[61])
    log.call("acme", parent=run, session="i", at=9, reads=["crm/fjord/1"], values_out=[62])
    log.call("acme", parent=run, session="i", at=11, writes=[name], values_in=[62])
    log.write()
    analyze(store)
    found = {(each.session_id, each.rule): each for each in list_findings(store, OPERATOR).rows}
    for name in (("g", "foreign-dataset"), ("h", "foreign-dataset"), ("i", "flow")):
        assert found[name].severity.at_least(Severity.HIGH)
        assert "drill" not in found[name].reasons


@pytest.mark.parametrize("kind", ["flow", "relay"])
def test_a_drill_of_a_flow_is_found_by_its_canary(
    capsys: pytest.CaptureFixture[str], collector: Collector, store: Store, kind: str
) -> None:
    """Every rule that must find it does, proven by the canary; all are marked, and closed."""
    code, said = run(capsys, collector, store, "--kind", kind, "--analyze", "--timeout", "30")
    assert (code, said["found"], said["kind"]) == (0, True, kind)
    assert 0 < said["found_after"] < 30
    assert said["rules"] == sorted(RULES[kind])
    rows = [
        each
        for each in list_findings(store, OPERATOR, states=(), limit=100).rows
        if said["id"] in each.session_id
    ]
    assert sorted(each.rule for each in rows) == sorted(RULES[kind])
    for each in rows:
        assert (each.severity, each.state) == (Severity.INFO, "closed")
        assert each.title.startswith("Drill: ")
        assert each.proof is (Proof.P2 if each.rule == "foreign-dataset" else Proof.P4)
    main = get_finding(store, OPERATOR, said["finding_id"])
    assert main is not None
    assert (main.rule, main.from_tenant, main.to_tenant) == (kind, TENANTS[1], TENANTS[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "nobody"], "no tenant 'nobody' is registered"),
        (["--endpoint", "http://127.0.0.1:1/x", "--token", "t"], "nothing was sent"),
        (["--token", "wrong"], "401"),
    ],
)
def test_a_drill_that_cannot_be_made_says_why(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    collector: Collector,
    store: Store,
    words: list[str],
    said: str,
) -> None:
    """Exit code 2, and no stack of an error."""
    monkeypatch.setattr("partywall_collector.otlp_sender.FIRST_PATIENCE", 0.5)
    more = [] if "--endpoint" in words else ["--endpoint", collector.http_endpoint]
    assert command.main(["--store", store.url, *more, *words]) == 2
    assert said in capsys.readouterr().err


def test_without_a_store_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A drill of a store that is not there is a mistake of its address."""
    assert command.main(["--store", f"chdb://{tmp_path / 'none'}"]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_spans_of_a_drill_hold_no_content(store: Store) -> None:
    """Nothing that could be taken for data of anybody."""
    for kind in RULES:
        spans = prepare(store, "acme", "fjord", pages=False, token="", kind=kind).spans
        assert b"gen_ai.tool.call" not in spans.body
        assert len(spans.body) < 4_000


def test_a_tenant_reads_no_drill_since_it_names_the_other_one() -> None:
    """Only the operator's handles see rows of the table."""
    (seen,) = [each for each in tables() if each.table == "drills"]
    assert not seen.tenant_column
