"""Who: one row for each call, whatever spans describe it, with what all of them know."""

import json
from pathlib import Path
from typing import Any

import pytest
from planted import at

from partywall_analyzer import OPERATOR, Scope, WhoRow, who
from partywall_analyzer.commands.who import main
from partywall_analyzer.model import Ref
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store

CLIENT, SERVER = 3, 2
BARE: dict[str, Any] = {"identity": "", "agent": ""}


@pytest.fixture(autouse=True)
def _registry(store: Store) -> None:
    owner = DatasetOwner(pattern="crm/*", owner="fjord")
    write([Tenant(id="acme"), Tenant(id="fjord"), owner], store)


def _three(log: Log, *, begins: float = 0, **server: Any) -> tuple[Ref, Ref, Ref]:
    """A framework's span, which knows who; the client's; below a transport's, the server's."""
    own: dict[str, Any] = {"tool": "look"}
    top = log.call("acme", at=begins + 1, lasts=9, scope="framework", credential="c-1", **own)
    client = log.call(
        "acme", at=begins + 2, lasts=7, parent=top, scope="mcp", kind=CLIENT, **own, **BARE
    )
    wire = log.step("acme", "POST", at=begins + 3, lasts=5, parent=client)
    own |= {"reads": ["crm/1"], "kind": SERVER, "principal": "crm"} | BARE | server
    # The clock of the server is half a minute behind.
    return top, client, log.call("acme", at=begins - 26, lasts=3, parent=wire, scope="mcp", **own)


def _answers(row: WhoRow) -> list[str]:
    return [answer.answer for answer in row.answers]


def test_a_call_that_three_spans_describe_is_one_row(store: Store) -> None:
    """The outermost stands for it; what only one of them knows is told, the others are named."""
    log = Log(store)
    top, client, server = _three(log)
    other = log.call("acme", tool="look", at=60, reads=["crm/2"])
    log.write()
    last, row = who(store, OPERATOR, tenant="acme")
    assert (last.span_id, last.observations) == (other.span_id, ())
    assert row.span_id == top.span_id
    assert row.observations == (client.span_id, server.span_id)
    assert (row.datasets, row.owners, row.time) == (("crm/1",), ("fjord",), at(1))
    assert _answers(row) == ["assistant", "acme", "crm/1", "agent:assistant, credential c-1"]


@pytest.mark.parametrize(
    "key", [{"dataset": "crm/1"}, {"dataset": "*/1"}, {"credential": "c-1"}], ids=str
)
def test_a_key_that_one_span_knows_finds_what_the_others_know(
    store: Store, key: dict[str, Any]
) -> None:
    """The server knows the asset and the framework knows who: an analyst asks for either."""
    log = Log(store)
    top, *_ = _three(log)
    log.call("acme", tool="look", at=2, reads=["crm/2"], trace=99)
    log.write()
    (row,) = who(store, OPERATOR, **key)
    assert row.span_id == top.span_id
    assert _answers(row) == ["assistant", "acme", "crm/1", "agent:assistant, credential c-1"]


def test_what_has_not_begun_by_a_time_tells_nothing(store: Store) -> None:
    """An answer as of a time knows nothing that came later, not even of the same call."""
    log = Log(store)
    *_, server = _three(log)
    log.write()
    (row,) = who(store, OPERATOR, dataset="crm/1", as_of=at(0))
    assert (row.span_id, row.observations, row.identity) == (server.span_id, (), "")


def test_a_limit_counts_calls(store: Store) -> None:
    """Three spans of one call are no three of the latest calls."""
    log = Log(store)
    tops = [_three(log, begins=100 * number)[0] for number in range(5)]
    log.write()
    for limit in range(1, 7):
        rows = who(store, OPERATOR, limit=limit)
        assert [row.span_id for row in rows] == [top.span_id for top in tops[: -limit - 1 : -1]]


def test_a_span_of_another_tenant_or_session_is_another_call(store: Store) -> None:
    """What one tenant's span knows is never told of another's, nor to a reader of that one."""
    log = Log(store)
    top = log.call("acme", tool="look", at=1, lasts=9, scope="a")
    below = log.call("fjord", tool="look", at=2, parent=top, scope="b", reads=["crm/1"], **BARE)
    again = log.call("acme", tool="look", at=3, parent=top, scope="b", session="s-2", **BARE)
    log.write()
    rows = {row.span_id: row for row in who(store, OPERATOR)}
    assert set(rows) == {top.span_id, below.span_id, again.span_id}
    assert not any(row.observations for row in rows.values())
    (own,) = who(store, Scope(("fjord",)))
    assert (own.span_id, own.identity) == (below.span_id, "")


def test_many_calls_of_one_trace_are_told_apart(store: Store) -> None:
    """A trace with more calls than are held against one another answers, and quickly."""
    log = Log(store)
    run = log.agent("acme", lasts=5_000)
    for number in range(3_000):
        log.call("acme", tool="look", at=number, parent=run, scope="a", **BARE)
    log.write()
    rows = who(store, OPERATOR, trace=run.trace_id, limit=2_500)
    assert len(rows) == 2_500
    assert not any(row.observations for row in rows)


def test_the_command_says_how_many_spans_describe_a_call(
    store: Store, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One reads that a row stands for several spans, and `--json` names them."""
    log = Log(store)
    _, *observations = _three(log)
    log.write()
    store.close()
    asked = ["--store", f"chdb://{home}", "--tenant", "acme"]
    assert main(asked) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert ", 3 spans" in said
    assert "1 call, latest first" in said
    assert main([*asked, "--json"]) == 0
    (call,) = json.loads(capsys.readouterr().out)["calls"]
    assert call["observations"] == [each.span_id for each in observations]
