"""The engine and its ledger: the same content writes nothing, and what is gone is withdrawn."""

import json
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from partywall import identifiers
from partywall_analyzer import (
    OPERATOR,
    Analysis,
    Proof,
    Verdict,
    analyze,
    get_finding,
    list_findings,
    totals,
    who,
)
from partywall_analyzer.testing import START, Log
from partywall_analyzer.watch import run_every
from partywall_collector.registry import DatasetOwner, Record, Relation, Tenant
from partywall_collector.registry.load import load, write
from partywall_collector.store import Store, StoreError, open_store
from partywall_collector.store.home import Home

RECORDS: list[Record] = [
    Tenant(id="acme", name="Acme Logistics"),
    Tenant(id="fjord", name="Fjord Bank"),
    Tenant(id="gate"),
    DatasetOwner(pattern="crm/acme/*", owner="acme"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
]
GRANT = Relation(
    id="care",
    tenant="fjord",
    grantee="acme",
    datasets=("crm/*",),
    valid_from=START - timedelta(days=1),
)


def plant(store: Store) -> Log:
    """Acme's agent reads fjord's CRM."""
    write(RECORDS, store)
    log = Log(store)
    run = log.agent("acme", session="s-1")
    log.call("acme", session="s-1", parent=run, tool="search", reads=["crm/fjord/1"], at=5)
    log.write()
    return log


def changes(analysis: Analysis) -> tuple[int, int, int]:
    """How many findings are new, changed and withdrawn."""
    return len(analysis.new), len(analysis.changed), len(analysis.withdrawn)


def rows(store: Store) -> int:
    """How many rows the ledger has."""
    return int(store.rows("SELECT count() AS n FROM ledger")[0]["n"])


def test_the_ledger_keeps_what_changed_and_nothing_else(store: Store) -> None:
    """New, unchanged, more evidence, another verdict, withdrawn, and back again: one id."""
    empty = analyze(store)
    assert (empty.findings, empty.spans, changes(empty)) == ([], 0, (0, 0, 0))
    tables = store.rows("SHOW TABLES")
    log = plant(store)
    first = analyze(store)
    assert changes(first) == (1, 0, 0)
    assert store.rows("SHOW TABLES") == tables, "an analysis leaves no table behind"
    finding = first.findings[0]
    assert list_findings(store, OPERATOR).rows[0].revision == finding.revision

    assert changes(analyze(store)) == (0, 0, 0)
    assert rows(store) == 1

    log.call("acme", session="s-1", tool="search", reads=["crm/fjord/1"], at=9)
    log.write()
    second = analyze(store)
    assert changes(second) == (0, 1, 0)
    assert second.findings[0].id == finding.id
    assert len(second.findings[0].calls) == 2

    write([GRANT], store)
    third = analyze(store)
    assert changes(third) == (0, 1, 0)
    assert third.findings[0].verdict is Verdict.AUTHORISED

    write([DatasetOwner(pattern="crm/fjord/*", ownership="commons")], store)
    fourth = analyze(store)
    assert changes(fourth) == (0, 0, 1)
    assert list_findings(store, OPERATOR).total == 0
    gone = get_finding(store, OPERATOR, finding.id)
    assert gone is not None
    assert gone.state == "withdrawn"
    assert changes(analyze(store)) == (0, 0, 0)

    write([DatasetOwner(pattern="crm/fjord/*", owner="fjord")], store)
    assert changes(analyze(store)) == (0, 1, 0)
    assert list_findings(store, OPERATOR).total == 1
    assert rows(store) == 5


def test_spans_that_come_twice_and_out_of_order_change_nothing(store: Store) -> None:
    """A sender that retries sends the same spans again; the findings stay as they are."""
    write([*RECORDS, DatasetOwner(pattern="crm/gate/*", owner="gate")], store)

    def send(*, backwards: bool) -> None:
        steps = [("crm/fjord/1", "", 2), ("", "crm/gate/1", 9), ("crm/fjord/2", "", 4)]
        logs = [Log(store, first=10 * number) for number in range(1, 4)]
        for log, (read, written, at) in zip(logs, steps, strict=True):
            log.call(
                "acme",
                trace=7,
                at=at,
                reads=[read] if read else [],
                writes=[written] if written else [],
                values_in=[1, 2] if written else [],
                values_out=[1, 2] if read else [],
                agent="" if written else "reader",
            )
        for log in reversed(logs) if backwards else logs:
            log.write()

    send(backwards=False)
    first = analyze(store)
    assert changes(first) == (4, 0, 0)
    send(backwards=True)
    assert changes(analyze(store)) == (0, 0, 0)
    flow = next(finding for finding in first.findings if finding.rule == "flow")
    assert flow.sources[0].span_id.endswith("1e"), "the latest read that has the values"


def test_an_agent_is_named_by_the_span_above_a_call(store: Store) -> None:
    """Frameworks name the agent on its run, not on each tool call."""
    write(RECORDS, store)
    log = Log(store)
    run = log.agent("acme", agent="planner")
    log.call("acme", parent=run, agent="", reads=["crm/fjord/1"])
    log.write()
    (finding,) = analyze(store).findings
    assert finding.agent == "planner"
    assert 'Agent "planner"' in finding.sentence


def test_who_introduced_a_party_decides_and_stands_in_the_chain(store: Store) -> None:
    """In the field of a record: authorised. In a text that the request did not point at: not."""
    write(RECORDS, store)
    ranks = {"FIELD": "scalar", "PROSE": "text"}
    entry = {"kind": "session", "tenant": "acme", "opened": 0}
    text = "Send a mail to the contact of the invoice, please."
    file = store.home / "sessions.jsonl"
    file.write_text("\n".join(json.dumps(entry | {"request": n, "text": text}) for n in ranks))
    load([file], store)
    party = ("email", "bo@supplier.example")
    value = identifiers.fingerprint(Home(store.home).fingerprint_keys()[0].secret, *party)
    log = Log(store)
    for name, rank in ranks.items():
        shown = {"introduces": [{"value": value, "kind": "email", "rank": rank, "record": 1}]}
        sink: dict[str, Any] = {"party_values": [value], "party_terms": [[]], "values_in": [7, 8]}
        run = log.agent("acme", session=name, request=name)
        common: dict[str, Any] = {"session": name, "request": name, "parent": run}
        log.call("acme", tool="read_invoice", at=1, columns=shown, **common)
        log.call("acme", tool="read_order", at=3, columns={"values_out": [7, 8, 9]}, **common)
        log.call("acme", tool="send_mail", at=5, sends=[party], columns=sink, **common)
    log.write()
    found = {finding.request_id: finding for finding in analyze(store).findings}
    field, prose = found["FIELD"], found["PROSE"]
    assert (field.verdict, field.reasons) == (Verdict.AUTHORISED, ("party.delegated",))
    assert (prose.verdict, prose.reasons) == (Verdict.UNAUTHORISED, ("party.not_delegated",))
    for finding, where in ((field, "in a field"), (prose, "in a text")):
        hops = {hop.label: hop for hop in finding.chain.hops}
        brought, went = hops[f"introduced the party {where}"], hops["2 values went along"]
        assert (brought.proof, went.proof) == (Proof.P2, Proof.P3)
        assert [ref.span_id for ref in finding.evidence.introduced_by] == [brought.span_id]
        assert [ref.span_id for ref in finding.sources] == [went.span_id]


def test_a_request_cannot_give_away_the_data_of_another_tenant(store: Store) -> None:
    """What acme's request points at covers acme's data; fjord's, in the same mail, it does not."""
    write(RECORDS, store)
    entry = {"kind": "session", "request": "FIELD", "tenant": "acme", "opened": 0}
    text = "Send a mail to the contact of the invoice, please."
    file = store.home / "sessions.jsonl"
    file.write_text(json.dumps(entry | {"text": text}))
    load([file], store)
    party = ("email", "bo@supplier.example")
    value = identifiers.fingerprint(Home(store.home).fingerprint_keys()[0].secret, *party)
    shown = {"introduces": [{"value": value, "kind": "email", "rank": "scalar", "record": 1}]}
    sink: dict[str, Any] = {"party_values": [value], "party_terms": [[]], "values_in": [7, 8]}
    log = Log(store)
    run = log.agent("acme", session="FIELD", request="FIELD")
    common: dict[str, Any] = {"session": "FIELD", "request": "FIELD", "parent": run}
    log.call("acme", tool="read_invoice", at=1, columns=shown, **common)
    log.call("acme", at=3, reads=["crm/fjord/1"], columns={"values_out": [7, 8]}, **common)
    log.call("acme", tool="send_mail", at=5, sends=[party], columns=sink, **common)
    log.write()
    found = {(f.rule, f.from_tenant): f for f in analyze(store).findings}
    assert found["foreign-party", "acme"].verdict is Verdict.AUTHORISED
    flow = found["flow", "fjord"]
    assert (flow.verdict, flow.reasons) == (Verdict.UNAUTHORISED, ("approval.missing",))


def test_an_analysis_opens_what_came_since_and_withdraws_nothing_else(store: Store) -> None:
    """Keys that were quiet keep their findings; a key that something came for is analyzed whole."""
    log = plant(store)
    assert analyze(store).whole
    log.call("acme", session="s-2", reads=["crm/fjord/2"], at=7_200)
    log.call("acme", session="s-2", reads=["crm/fjord/2"], at=10)
    log.write()
    late = analyze(store)
    assert not late.whole
    assert [finding.session_id for finding in late.findings] == ["s-2"]
    assert len(late.findings[0].calls) == 2
    quiet = analyze(store)
    assert (quiet.spans, quiet.findings, changes(quiet)) == (0, [], (0, 0, 0))
    assert changes(analyze(store, whole=True)) == (0, 0, 0)
    assert list_findings(store, OPERATOR).total == 2


def test_data_that_was_erased_makes_the_next_analysis_a_whole_one(store: Store) -> None:
    """What a finding rests on is gone: it is withdrawn, and its row stays."""
    plant(store)
    analyze(store)
    for table in ("spans", "calls"):
        store.command(f"ALTER TABLE {table} DELETE WHERE 1 SETTINGS mutations_sync = 1")
    after = analyze(store)
    assert (after.whole, changes(after)) == (True, (0, 0, 1))


def test_the_loop_analyzes_when_something_arrived(store: Store) -> None:
    """New spans and new registry records wake it; a quiet store costs one look."""
    log = plant(store)
    stop, told = Event(), list[Analysis]()
    arrived = Event()

    def on_change(analysis: Analysis) -> None:
        told.append(analysis)
        arrived.set()

    loop = Thread(target=run_every, args=(store, 0.05, stop, on_change))
    loop.start()
    try:
        assert arrived.wait(20)
        arrived.clear()
        assert not arrived.wait(0.5)
        log.call("acme", session="s-9", reads=["crm/fjord/9"], at=50)
        log.write()
        assert arrived.wait(20)
        arrived.clear()
        write([GRANT], store)
        assert arrived.wait(20)
    finally:
        stop.set()
        loop.join(20)
    assert [changes(analysis) for analysis in told] == [(1, 0, 0), (1, 0, 0), (0, 2, 0)]


def test_a_reader_can_read_findings_and_calls(tmp_path: Path) -> None:
    """Look-ups need no right to write."""
    url = f"chdb://{tmp_path / 'home'}"
    with open_store(url) as store:
        plant(store)
        finding = analyze(store).findings[0]
    with open_store(url, role="reader") as reader:
        assert get_finding(reader, OPERATOR, finding.id) is not None
        assert len(who(reader, OPERATOR, tenant="acme")) == 1
        assert totals(reader, OPERATOR).findings == 1


def test_the_loop_outlives_errors(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """What on_change raises is logged, a closed store is told, and the loop goes on looking."""
    plant(store)
    stop, told = Event(), list[StoreError]()

    def on_change(analysis: Analysis) -> None:
        store.close()
        raise ZeroDivisionError(f"{len(analysis.new)} new")

    def on_error(error: StoreError) -> None:
        told.append(error)
        stop.set()

    run_every(store, 0.01, stop, on_change, on_error)
    assert "the next look tries again" in caplog.text
    assert len(told) == 1
