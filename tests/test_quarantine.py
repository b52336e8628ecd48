"""Quarantine as the operator works with it: looked at, released once after a mend, purged."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import attributes
from partywall_collector.commands.quarantine import main
from partywall_collector.envelope import Envelope, frame
from partywall_collector.otlp_spans import resource_spans
from partywall_collector.quarantine import Filter, Quarantine, ReleaseInUse
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store
from partywall_collector.store.facade import serve


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("quarantine") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        yield store


@pytest.fixture
def store(opened: Store) -> Store:
    """A store that knows acme and its agents; nothing was received."""
    for table in ("spans", "calls", "quarantine", "tenants", "principals"):
        opened.command(f"TRUNCATE TABLE {table}")
    write([Tenant(id="acme"), Principal(id="agents", tenants=("acme",))], opened)
    return opened


def request(*tenants: str, first: int = 1) -> ExportTraceServiceRequest:
    """One span a tenant, with the ids first, first + 1, ..."""
    message = ExportTraceServiceRequest()
    whole = message.resource_spans.add()
    whole.resource.attributes.add(key="service.name").value.string_value = "desk"
    for number, tenant in enumerate(tenants, first):
        span = whole.scope_spans.add().spans.add(
            name="work", trace_id=b"t" * 16, span_id=number.to_bytes(8)
        )
        if tenant:
            span.attributes.add(key=attributes.TENANT_ID).value.string_value = tenant
    return message


def receive(store: Store, message: ExportTraceServiceRequest, *tenants: str) -> None:
    stamp = time.time_ns()
    envelope = Envelope("agents", tenants or ("acme",), "A1", stamp, message.SerializeToString())
    store.load(b"".join(frame(envelope)), token=str(stamp))


def mend(store: Store) -> None:
    """From now on there is fjord, and the agents may write for it."""
    write([Tenant(id="fjord")], store)
    write([Principal(id="agents", tenants=("acme", "fjord"))], store)


def stored(store: Store) -> list[tuple[str, int]]:
    rows = store.rows("SELECT tenant_id, span_id FROM spans ORDER BY tenant_id, span_id")
    return [(row["tenant_id"], int.from_bytes(row["span_id"])) for row in rows]


def refused(store: Store) -> list[tuple[str, int]]:
    rows = store.rows("SELECT reason, span_id FROM quarantine ORDER BY reason, span_id")
    return [(row["reason"], int(row["span_id"], 16)) for row in rows]


def test_after_the_mend_a_release_brings_each_span_to_its_tenant_once(store: Store) -> None:
    """What the registry now bears out goes, the rest stays; a second release finds nothing."""
    receive(store, request("acme", "fjord", "elsewhere", "", "fjord"))
    before = refused(store)
    quarantine = Quarantine(store)
    done = quarantine.release(Filter())
    assert (done.released, done.left, refused(store)) == ({}, 3, before)
    mend(store)
    done = quarantine.release(Filter())
    assert (done.released, done.refused, done.left) == ({"fjord": 2}, {}, 1)
    assert stored(store) == [("acme", 1), ("fjord", 2), ("fjord", 5)]
    assert refused(store) == [("foreign tenant", 3), ("no tenant", 4)]
    assert quarantine.release(Filter()).released == {}
    assert stored(store) == [("acme", 1), ("fjord", 2), ("fjord", 5)]


def test_a_tenant_that_is_registered_late_gets_its_spans(store: Store) -> None:
    """`unknown tenant` is mended by registering it: a sender for all tenants needs no more."""
    write([Principal(id="agents", tenants=("*",))], store)
    receive(store, request("fjord"), "*")
    assert refused(store) == [("unknown tenant", 1)]
    write([Tenant(id="fjord")], store)
    assert Quarantine(store).release(Filter(tenant="fjord")).released == {"fjord": 1}
    row = store.rows("SELECT principal, attestation, service FROM spans")
    assert row == [{"principal": "agents", "attestation": "A1", "service": "desk"}]


def test_a_sender_that_lost_its_rights_gets_nothing_released(store: Store) -> None:
    """The tenants that count are those of the principal now; one that is gone has none."""
    receive(store, request("fjord"))
    write([Tenant(id="fjord")], store)
    store.command("TRUNCATE TABLE principals")
    done = Quarantine(store).release(Filter())
    assert (done.released, done.left) == ({}, 1)


def test_what_a_gateway_said_of_a_request_is_not_undone_by_a_release(store: Store) -> None:
    """A span that lied of its tenant does not get there because the gateway may write for it."""
    tenants, roles = ("acme", "fjord"), ("gateway",)
    write([Tenant(id="fjord"), Principal(id="agents", tenants=tenants, roles=roles)], store)
    stamp = time.time_ns()
    body = request("fjord", "acme", "").SerializeToString()
    envelope = Envelope("agents", ("acme",), "A1", stamp, body, chosen_tenant="acme")
    store.load(b"".join(frame(envelope)), token=str(stamp))
    assert (stored(store), refused(store)) == (
        [("acme", 2), ("acme", 3)],
        [("foreign tenant", 1)],
    )
    done = Quarantine(store).release(Filter())
    assert (done.released, done.left) == ({}, 1)
    assert refused(store) == [("foreign tenant", 1)]


def test_a_released_span_is_judged_whole_again(store: Store) -> None:
    """A claim that is good now does not cover what else is wrong with the span."""
    message = request("fjord")
    span = message.resource_spans[0].scope_spans[0].spans[0]
    for value in ("x", "y"):
        span.attributes.add(key=attributes.PARTY_ID).value.string_value = value
    receive(store, message)
    mend(store)
    done = Quarantine(store).release(Filter())
    assert (done.released, done.refused) == ({}, {"duplicate attribute": 1})
    assert (stored(store), refused(store)) == ([], [("duplicate attribute", 1)])


def test_but_for_content_a_quarantined_span_is_kept_whole(store: Store) -> None:
    """Types, arrays, events, links and odd numbers come back to the bit; content does not."""
    message = request("fjord")
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.kind, span.flags, span.trace_state = Span.SPAN_KIND_CLIENT, 257, "a=b"
    span.parent_span_id = b"p" * 8
    span.start_time_unix_nano, span.end_time_unix_nano = 1_700_000_000_123_456_789, 2**64 - 1
    span.status.code = 2  # pyright: ignore[reportAttributeAccessIssue] - an open enum takes any number
    message.resource_spans[0].scope_spans[0].scope.name = "lib"
    values = {"int": -7, "double": 0.1, "bool": True, "text": 'a"\\\u202e'}
    for name, value in values.items():
        kind = {"text": "string"}.get(name, name)
        setattr(span.attributes.add(key=name).value, f"{kind}_value", value)
    span.attributes.add(key="list").value.array_value.values.add().int_value = 3
    span.attributes.add(key="raw").value.bytes_value = b"\0\xff"
    span.attributes.add(key="nothing").value.SetInParent()
    event = span.events.add(name="e", time_unix_nano=5)
    event.attributes.add(key="k").value.string_value = "v"
    span.links.add(trace_id=b"l" * 16, span_id=b"l" * 8, trace_state="c=d")
    expected = ExportTraceServiceRequest()
    expected.CopyFrom(message)
    span.attributes.add(key="gen_ai.tool.call.arguments").value.string_value = '{"iban": "secret"}'
    span.status.message = "secret"
    receive(store, message)
    row = store.rows("SELECT trace_id, span_id, span FROM quarantine")[0]
    assert "secret" not in row["span"]
    assert (
        resource_spans(row["trace_id"], row["span_id"], row["span"]) == expected.resource_spans[0]
    )


@pytest.mark.parametrize("moment", ["before", "loaded", "partly"])
def test_a_release_that_broke_off_is_done_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before the load, after it, and in the middle of it: the next release ends with each once."""
    receive(store, request("fjord", "fjord", "acme"))
    mend(store)
    load = Store.load

    def broken(self: Store, body: Any, *, token: str) -> None:
        if moment != "before":
            load(self, body, token=token)
        if moment == "partly":
            self.command("ALTER TABLE spans DELETE WHERE 1 SETTINGS mutations_sync = 2")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "load", broken)
        with pytest.raises(KeyboardInterrupt):
            Quarantine(store).release(Filter())
    done = Quarantine(store).release(Filter(reason="unknown tenant"))  # whatever is asked next
    assert done.released == {"fjord": 2}
    assert [row for row in stored(store) if row[0] == "fjord"] == [("fjord", 1), ("fjord", 2)]
    assert refused(store) == []


DYING = """
import os, signal, sys
from pathlib import Path
from partywall_collector.quarantine import Filter, Quarantine
from partywall_collector.store import Store, open_store
from test_quarantine import mend, receive, refused, request, stored, write
from partywall_collector.registry.model import Principal, Tenant

home, step = sys.argv[1], sys.argv[2]
with open_store(f"chdb://{home}", role="owner") as store:
    if step == "load":
        write([Tenant(id="acme"), Principal(id="agents", tenants=("acme",))], store)
        receive(store, request(*["fjord"] * 20, "acme"))
        receive(store, request(*["fjord"] * 20, "elsewhere", first=100))
        mend(store)
    if step != "end":  # load or command: the first of these that is done is the last thing done
        done = getattr(Store, step)

        def deadly(*args, **more):
            done(*args, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(Store, step, deadly)
    Quarantine(store).release(Filter())
    print(len(stored(store)), len(set(stored(store))), refused(store))
"""


def test_kill_9_in_the_middle_of_a_release_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Dead after the load; dead after the first deletion of the next try; then a whole one."""

    def life(step: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", DYING, str(tmp_path / "home"), step],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )

    assert life("load").returncode == -signal.SIGKILL
    assert life("command").returncode == -signal.SIGKILL
    end = life("end")
    assert end.returncode == 0, end.stderr
    assert end.stdout == "41 41 [('foreign tenant', 120)]\n"


def test_two_releases_at_a_time_are_refused(store: Store) -> None:
    """The second one says so and changes nothing."""
    quarantine = Quarantine(store)
    with quarantine._alone(), pytest.raises(ReleaseInUse):  # pyright: ignore[reportPrivateUsage] - holds the lock as a release does
        Quarantine(store).purge(Filter())


def test_purge_deletes_what_matches_and_nothing_else(store: Store) -> None:
    """By reason, sender, claim and time."""
    receive(store, request("fjord", "", "elsewhere"))
    quarantine = Quarantine(store)
    assert quarantine.purge(Filter(principal="others")) == 0
    assert quarantine.purge(Filter(reason="no tenant")) == 1
    assert quarantine.purge(Filter(tenant="elsewhere")) == 1
    assert refused(store) == [("foreign tenant", 1)]


def run(store: Store, *words: str) -> int:
    return main([words[0], "--store", store.url, *words[1:]])


@pytest.fixture
def closed(opened: Store) -> Iterator[str]:
    """The command opens the store itself, so it is given one that answers for it."""
    with serve(opened):
        yield opened.url


def test_the_command_lists_shows_releases_and_purges(
    store: Store, closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text for people, JSON for programs; a code that says whether anything was done."""
    receive(store, request("fjord", "", "evil\x1b[2J"))
    assert run(store, "list", "--counts") == 0
    shown = capsys.readouterr().out
    assert "foreign tenant" in shown
    assert "\x1b[2J" not in shown
    assert run(store, "list", "--json", "--reason", "no tenant") == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["total"] == 1
    assert listed["spans"][0]["span_id"] == "0000000000000002"
    assert run(store, "show", "0000000000000001") == 0
    assert json.loads(capsys.readouterr().out)["span"]["name"] == "work"
    assert run(store, "show", "00000000000000ff") == 1
    assert run(store, "release") == 2
    assert "write --all" in capsys.readouterr().err
    assert run(store, "release", "--reason", "no tenant") == 2
    assert "no change of the registry mends `no tenant`" in capsys.readouterr().err
    assert run(store, "release", "--all") == 1
    mend(store)
    assert run(store, "release", "--tenant", "fjord", "--json") == 0
    capsys.readouterr()
    assert stored(store) == [("fjord", 1)]
    assert run(store, "purge", "--until", "1h") == 1
    assert run(store, "purge", "--all") == 0
    assert refused(store) == []
