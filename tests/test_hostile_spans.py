"""Whatever spans say, an analysis ends, and tells what it found in safe words."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from partywall_analyzer import OPERATOR, analyze, list_findings, who
from partywall_analyzer.picture import print_finding
from partywall_analyzer.testing import Log
from partywall_collector.registry import Approval, DatasetOwner, Party, Record, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store

NAMES = [
    "",
    "\x00",
    "\x1b[2J",
    "' OR 1=1 --",
    "{from_name}{0.__class__}%s",
    "\udcff\udcfe",  # bytes that are no UTF-8, as the store keeps them
    "\u202ereversed",
    "|>:*?[a-",
    "x" * 20_000,
]


@pytest.fixture
def crowded(store: Store) -> Store:
    """Each hostile name stands in every place that a sender fills, in calls that cross."""
    records: list[Record] = [
        Tenant(id="acme"),
        Tenant(id="fjord"),
        DatasetOwner(pattern="fjord/*", owner="fjord"),
        DatasetOwner(pattern="acme/*", owner="acme"),
        Party(tenant="fjord", party_kind="email", pattern="*@fjord.example"),
        Approval(
            id="CHG", tenant="fjord", grantee="acme", request="*", valid_from=datetime.now(UTC)
        ),
    ]
    write(records, store)
    log = Log(store)
    for number, name in enumerate(NAMES):
        common: dict[str, Any] = {
            "session": f"s{name}",
            "request": name,
            "agent": name,
            "identity": name,
        }
        run = log.agent("acme", **common)
        log.call(
            "acme",
            parent=run,
            tool=name,
            at=1,
            reads=[f"acme/{name}"],
            values_out=[number * 10 + 1, number * 10 + 2],
            **common,
        )
        log.call(
            "acme",
            parent=run,
            tool=name,
            at=5,
            operation=name,
            writes=[f"fjord/{name}"],
            values_in=[number * 10 + 1, number * 10 + 2],
            credential=name,
            approval=name,
            policy=name,
            decision=name,
            **common,
        )
        log.call("acme", at=7, sends=[("email", name), (name, name)], parent=run, **common)
        log.agent("fjord", parent=run, at=9, **common)
        log.call("fjord", at=11, credential=name, **common)
    log.write()
    return store


def test_hostile_names_end_as_findings_in_safe_words(crowded: Store) -> None:
    """Every crossing is found, and nothing that is printed can do harm."""
    analysis = analyze(crowded)
    found = {finding.rule for finding in analysis.findings}
    crossings = {"flow", "foreign-dataset", "foreign-party", "handoff", "shared-credential"}
    assert found == {*crossings, "mixed-session"}
    for finding in list_findings(crowded, OPERATOR, limit=1_000).rows:
        assert finding.sentence.isprintable()
        assert finding.title.isprintable()
    assert not analyze(crowded).new
    assert len(who(crowded, OPERATOR, limit=1_000)) == 4 * len(NAMES)


def test_hostile_names_are_drawn(crowded: Store) -> None:
    """The picture of every finding is drawn without an error or an escape code."""
    console = Console(file=io.StringIO(), width=100, color_system=None)
    for finding in analyze(crowded).findings:
        print_finding(finding, console)
    assert isinstance(console.file, io.StringIO)
    assert [line for line in console.file.getvalue().split("\n") if not line.isprintable()] == []


def test_times_at_the_ends_of_the_clock_and_loops_of_parents_are_survived(store: Store) -> None:
    """1970, 2262, and a trace whose spans are each other's parents."""
    write([Tenant(id="acme"), DatasetOwner(pattern="fjord/*", owner="acme")], store)
    log = Log(store)
    first = log.agent("acme", at=-1_772_442_000)
    log.call("acme", parent=first, at=7_400_000_000, reads=["fjord/1"], session="far")
    log.write()
    span, trace = b"\1" * 8, b"\2" * 16
    row = {"tenant_id": "acme", "placement": "acme", "trace_id": trace, "step": "tool"}
    times = {"start_time": "2026-03-02 09:00:00", "end_time": "2026-03-02 08:00:00"}
    rows = [row | times | {"span_id": span, "parent_span_id": span, "tenant_id": t} for t in "ab"]
    store.insert("spans", rows)
    store.insert("calls", [r | {"datasets": [{"id": "fjord/1", "operation": ""}]} for r in rows])
    analysis = analyze(store)
    assert {finding.rule for finding in analysis.findings} == {"foreign-dataset", "handoff"}
    assert not analyze(store).new
