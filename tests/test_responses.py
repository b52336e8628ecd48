"""What is done about a finding: recorded for each tenant, and the state follows from it."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from partywall_analyzer import OPERATOR, Finding, Scope, analyze, get_finding, list_findings
from partywall_analyzer.commands.respond import main
from partywall_analyzer.model import Severity
from partywall_analyzer.picture import print_finding
from partywall_analyzer.responses import CannotRespond, record, respond, responses_to
from partywall_analyzer.standing import Kind
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store
from partywall_collector.store.erasure import erase


@pytest.fixture(scope="module")
def shared(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store in which acme's agent wrote to fjord's CRM, found."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("responses") / "home", symlinks=True)
    with open_store(f"chdb://{home}", role="owner") as store:
        write([Tenant(id="acme"), Tenant(id="fjord"), Tenant(id="maple")], store)
        write([DatasetOwner(pattern="crm/fjord/*", owner="fjord")], store)
        log = Log(store)
        agent = log.agent("acme")
        log.call("acme", parent=agent, tool="update_case", writes=["crm/fjord/1"])
        log.write()
        analyze(store)
        yield store


@pytest.fixture
def store(shared: Store) -> Iterator[Store]:
    """The same, with nothing done about it yet."""
    yield shared
    shared.command("TRUNCATE TABLE responses")


def finding(store: Store) -> Finding:
    """The one finding, as it stands."""
    (listed,) = list_findings(store, OPERATOR, states=()).rows
    found = get_finding(store, OPERATOR, listed.id)
    assert found is not None
    assert (found.state, found.standings) == (listed.state, listed.standings)
    return found


def states(store: Store) -> tuple[str, dict[str, str]]:
    """The state of the whole, and where each tenant stands."""
    found = finding(store)
    return found.state, {each.tenant: each.state for each in found.standings}


def test_the_whole_stands_where_the_least_advanced_tenant_does(store: Store) -> None:
    """A crossing has two sides: it is closed when both have closed it."""
    assert states(store) == ("new", {"acme": "new", "fjord": "new"})
    respond(store, finding(store), Kind.ACK, by="ann", tenants=["acme"])
    assert states(store) == ("open", {"acme": "acknowledged", "fjord": "new"})
    respond(store, finding(store), Kind.ACK, by="ann")
    assert states(store) == ("acknowledged", {"acme": "acknowledged", "fjord": "acknowledged"})
    assert len(finding(store).responses) == 2, "who had taken it over does not do so twice"
    respond(store, finding(store), Kind.CLOSE, by="bo", tenants=["fjord"], reason="accepted")
    assert states(store) == ("acknowledged", {"acme": "acknowledged", "fjord": "closed"})
    respond(store, finding(store), Kind.CLOSE, by="bo", reason="drill")
    assert states(store) == ("closed", {"acme": "closed", "fjord": "closed"})
    assert [each.reason for each in finding(store).standings] == ["drill", "accepted"]
    assert list_findings(store, OPERATOR).total == 0
    respond(store, finding(store), Kind.REOPEN, by="cy", tenants=["acme"])
    assert states(store) == ("open", {"acme": "open", "fjord": "closed"})
    assert list_findings(store, OPERATOR).total == 1


def test_who_was_told_or_contained_stands_open(store: Store) -> None:
    """A note of a delivery is no decision, and the operator's own record is no tenant's."""
    respond(store, finding(store), Kind.CONTAIN, by="ann", tenants=["acme"], note="key revoked")
    assert states(store) == ("open", {"acme": "open", "fjord": "new"})
    respond(store, finding(store), Kind.NOTIFY, by="ann", note="told the board about fjord")
    assert states(store) == ("open", {"acme": "open", "fjord": "open"})
    own = [each for each in finding(store).responses if each.note]
    assert [(each.tenant, each.note) for each in own] == [
        ("acme", "key revoked"),
        ("", "told the board about fjord"),
    ]


def test_a_closed_finding_that_becomes_worse_is_open_again_and_says_so(store: Store) -> None:
    """What was closed as low is not closed as critical; what becomes milder stays closed."""
    found = finding(store)
    low = replace(found, severity=Severity.MEDIUM)
    respond(store, low, Kind.CLOSE, by="ann", reason="accepted")
    assert states(store)[0] == "open"
    assert {each.reason for each in finding(store).standings} == {"rose to critical"}
    respond(store, finding(store), Kind.CLOSE, by="ann", reason="accepted")
    milder = replace(found, severity=Severity.LOW, sentence="Less than it seemed.")
    store.insert("ledger", [milder.to_row(datetime.now(UTC))])
    assert states(store)[0] == "closed"
    store.insert("ledger", [found.to_row(datetime.now(UTC))])


def test_a_tenant_sees_only_what_was_done_for_it(store: Store) -> None:
    """In its half, and through its scope: no note, actor or standing of the other side."""
    respond(store, finding(store), Kind.ACK, by="ann", tenants=["acme"], note="for acme's eyes")
    respond(store, finding(store), Kind.CLOSE, by="bo", tenants=["fjord"], reason="accepted")
    respond(store, finding(store), Kind.NOTIFY, by="cy", note="for the operator's eyes")
    half = finding(store).for_tenant("fjord")
    assert (half.state, [each.tenant for each in half.standings]) == ("closed", ["fjord"])
    assert {(each.tenant, each.note) for each in half.responses} == {("fjord", "")}
    assert not {"ann", "acme", "eyes"} & set(json.dumps(half.to_dict()).replace('"', " ").split())
    assert {each.tenant for each in responses_to(store, [half.id], ["acme", ""])} == {"acme"}
    assert get_finding(store, Scope(("fjord",)), half.id) is None


def test_a_finding_that_is_no_single_tenants_is_the_operators_to_close(store: Store) -> None:
    """Its only standing has no tenant, and the note is there once."""
    several = dict.fromkeys(("from_tenant", "to_tenant", "session_tenant"), "several")
    row = replace(finding(store), id="F-" + "5" * 24, **several)
    store.insert("ledger", [row.to_row(datetime.now(UTC))])
    found = get_finding(store, OPERATOR, row.id)
    assert found
    assert (found.state, [each.tenant for each in found.standings]) == ("new", [""])
    (given,) = respond(store, found, Kind.CLOSE, by="ann", reason="accepted", note="as agreed")
    after = get_finding(store, OPERATOR, row.id)
    assert after
    assert (after.state, after.responses) == ("closed", (given,))
    store.command(
        f"ALTER TABLE ledger DELETE WHERE finding_id = '{row.id}' SETTINGS mutations_sync = 2"
    )


def test_what_does_not_fit_is_refused(store: Store) -> None:
    """A stranger, a close without a reason, an answer to what is not so."""
    found = finding(store)
    with pytest.raises(CannotRespond, match="no side of tenant 'maple'; it has: acme, fjord"):
        respond(store, found, Kind.ACK, by="ann", tenants=["maple"])
    with pytest.raises(CannotRespond, match="one of: contained, accepted"):
        respond(store, found, Kind.CLOSE, by="ann")
    with pytest.raises(CannotRespond, match="close, and nothing else"):
        respond(store, found, Kind.ACK, by="ann", reason="drill")
    with pytest.raises(CannotRespond, match=r"reopen does not fit .* acme \(new\)"):
        respond(store, found, Kind.REOPEN, by="ann", tenants=["acme"])
    assert finding(store).responses == ()


def test_a_record_that_is_written_twice_counts_once(store: Store) -> None:
    """After a crash a machine writes its record again, under the same id."""
    (given,) = respond(store, finding(store), Kind.NOTIFY, by="watch", tenants=["acme"])
    record(store, [given])
    assert finding(store).responses == (given,)


def test_an_erased_tenants_answers_go_with_it(store: Store) -> None:
    """Its own, and operator's notes that name it; the other side's stay."""
    respond(store, finding(store), Kind.ACK, by="ann")
    respond(store, finding(store), Kind.NOTIFY, by="ann", note="called maple about it")
    store.insert("responses", [{"finding_id": "F-1", "tenant_id": "maple", "kind": "ack"}])
    gone = {each.table: each.rows for each in erase(store, "maple", dry_run=False)}
    assert gone["responses"] == 2
    assert [each.tenant for each in finding(store).responses if each.kind is Kind.ACK] == [
        "acme",
        "fjord",
    ]


def test_the_command_records_and_tells(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the beginning of an id; JSON on request; 1 where it does not fit, 2 for a wrong call."""

    def opened(url: str, role: str) -> Store:
        assert url
        return open_store_as(store, role)

    monkeypatch.setattr("partywall_analyzer.commands.respond.open_store", opened)
    begin = finding(store).id[:8]
    assert main([begin, "ack", "--by", "ann", "--tenant", "acme", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["state"], [each["tenant"] for each in said["responses"]]) == ("open", ["acme"])
    assert main([begin, "close", "--by", "bo\x1b[2J", "--reason", "false-positive"]) == 0
    shown = capsys.readouterr().out
    assert f"{finding(store).id}: closed" in shown
    assert "acme: closed by bo" in shown
    assert "(false-positive)" in shown
    assert "\x1b" not in shown
    assert main([begin, "ack"]) == 1
    assert "acme (closed), fjord (closed)" in capsys.readouterr().err
    assert main(["F-ffffffff\x1b[2J", "ack"]) == 1
    assert "\x1b" not in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([begin, "close"])
    assert ended.value.code == 2
    assert "--reason" in capsys.readouterr().err


def open_store_as(store: Store, role: str) -> Store:
    """The open store again, for a command that opens and closes its own."""
    assert role in ("reader", "writer")
    again = Store(store.url, store.home, store._pool, None, ExitStack())  # pyright: ignore[reportPrivateUsage]  # its pool
    return again


def test_the_chain_shows_what_was_done(store: Store) -> None:
    """Where each tenant stands and one line a response, with nothing that moves a cursor."""
    respond(store, finding(store), Kind.ACK, by="ann", tenants=["acme"], note="call\x1b[31m them")
    console = Console(width=100, record=True, file=StringIO())
    print_finding(finding(store), console)
    shown = console.export_text()
    for words in ("acme: acknowledged by ann", "fjord: new", "ack", "call"):
        assert words in shown
    assert "\x1b" not in shown
