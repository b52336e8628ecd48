"""Governance events over OTLP logs: in the registry once acknowledged, and nobody else's."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from governance_log import MS, NS, Post, event, granted, issued, request, revoked
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as ProtoRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor

from partywall import attributes as a
from partywall_analyzer import analyze
from partywall_analyzer.testing import START, Log
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.governance import Governance
from partywall_collector.metrics import Counters
from partywall_collector.principals import Principal as Sender
from partywall_collector.receivers.log_intake import MOST, LogIntake
from partywall_collector.receivers.parsing import Parsing
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.registry import (
    FOREVER,
    Approval,
    Credential,
    Principal,
    Record,
    Session,
    Tenant,
)
from partywall_collector.registry.document import Document, Entry, Keys
from partywall_collector.registry.events import BODY, EVENTS, BadEvent, said
from partywall_collector.registry.load import approvals_by_time, current, write
from partywall_collector.registry.model import GOVERNANCE, WHEN_LOADED
from partywall_collector.registry.read import read_entry
from partywall_collector.store import Store, StoreUnavailable, open_store

PAGE = Path(__file__).parent.parent / "docs" / "governance.md"
JSON = "application/json"
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def principal(name: str, *tenants: str, role: bool = True) -> Principal:
    digest = hashlib.sha256(name.encode()).hexdigest()
    roles = (GOVERNANCE,) if role else ()
    return Principal(id=name, tenants=tenants, token_sha256=digest, roles=roles)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('events') / 'home'}", role="owner") as store:
        records: list[Record] = [
            *(Tenant(id=name) for name in ("acme", "fjord", "gate")),
            principal("vault@acme", "acme"),
            principal("vault@fjord", "fjord"),
            principal("desk@msp", "acme", "fjord"),
            principal("all@msp", "*"),
            principal("agents@acme", "acme", role=False),
        ]
        write(records, store)
        yield store


@pytest.fixture(scope="module")
def collector(store: Store) -> Iterator[Collector]:
    with Collector(store, Config.default(store.url)) as collector:
        yield collector


def credential(store: Store, id: str) -> Credential:
    (found,) = [one for one in current(store, Credential) if one.id == id]
    return found


def rows(store: Store, id: str) -> int:
    sql = "SELECT count() AS n FROM credentials WHERE credential_id = {id:String}"
    return int(store.rows(sql, {"id": id})[0]["n"])


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_real_exporter_brings_a_credential_into_the_registry(
    collector: Collector, store: Store, protocol: str
) -> None:
    """An unmodified SDK: a logger, events, and the exporter of either protocol."""
    exporter: LogRecordExporter
    if protocol == "http":
        url = f"{collector.http_endpoint}/v1/logs"
        exporter = HttpExporter(url, headers={"authorization": "Bearer vault@acme"})
    else:
        headers = (("authorization", "Bearer vault@acme"),)
        exporter = GrpcExporter(collector.grpc_endpoint, insecure=True, headers=headers)
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger, id = provider.get_logger("vault"), f"lease-{protocol}"
    common: dict[str, Any] = {a.CREDENTIAL_ID: id, a.TENANT_ID: "acme"}
    said = common | {a.IDENTITY_ID: "spiffe://msp/billing", a.CREDENTIAL_EXPIRES: MS + 60_000}
    logger.emit(LogRecord(event_name=a.CREDENTIAL_ISSUED, timestamp=NS, attributes=said))
    later = NS + 5_000_000_000
    logger.emit(LogRecord(event_name=a.CREDENTIAL_REVOKED, timestamp=later, attributes=common))
    provider.shutdown()
    assert credential(store, id) == Credential(
        id=id,
        tenant="acme",
        identity="spiffe://msp/billing",
        issued=START,
        expires=START + timedelta(minutes=1),
        revoked=START + timedelta(seconds=5),
    )


def test_json_and_gzip_mean_the_same(collector: Collector, store: Store) -> None:
    """OTLP/JSON, ids in hex, the name of the event as an attribute, as older SDKs say it."""
    pairs = {"event.name": a.CREDENTIAL_ISSUED, a.CREDENTIAL_ID: "json-1", a.TENANT_ID: "acme"}
    pairs |= {"code.function": "issue", a.CREDENTIAL_TIME: "2026-03-02T09:00:00Z"}
    record = {
        "traceId": "0102030405060708090a0b0c0d0e0f10",
        "spanId": "0102030405060708",
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in pairs.items()],
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    assert Post(collector, "vault@acme", headers)(gzip.compress(body)) == (200, b"{}")
    assert credential(store, "json-1").issued == START


def test_a_revocation_names_only_the_id_and_a_repeat_adds_nothing(
    collector: Collector, store: Store
) -> None:
    """What is in force stays; the first revocation counts, and no event takes it back."""
    post = Post(collector, "vault@acme")
    ends = {a.CREDENTIAL_EXPIRES: MS + 900_000}
    for _ in range(2):
        assert post.send(issued("twice", **ends)) == ""
    assert rows(store, "twice") == 1
    for _ in range(2):
        assert post.send(revoked("twice")) == ""
    assert post.send(revoked("twice", NS + 10**9)) == ""
    assert post.send(issued("twice", **ends)) == ""
    assert rows(store, "twice") == 2
    kept = credential(store, "twice")
    assert (kept.expires, kept.revoked) == (START + timedelta(minutes=15), START)
    assert post.send(revoked("twice", NS - 10**9)) == ""
    assert credential(store, "twice").revoked == START - timedelta(seconds=1)


def test_what_is_recorded_is_our_clock_and_what_is_valid_is_the_events(
    collector: Collector, store: Store
) -> None:
    """Bitemporal: an approval that comes late is known to have come late."""
    assert Post(collector, "desk@msp").send(granted("CHG-late", at=NS)) == ""
    columns = "valid_from, recorded_at, dateDiff('second', recorded_at, now()) AS age"
    (row,) = store.rows(f"SELECT {columns} FROM approvals WHERE approval_id = 'CHG-late'")
    assert row["valid_from"].replace(tzinfo=UTC) == START
    assert 0 <= row["age"] < 60


def test_an_approval_is_granted_renewed_and_revoked(collector: Collector, store: Store) -> None:
    """In one request; a list may be one text, and what a later event leaves out stays."""
    more = {
        a.APPROVAL_APPROVER: "p.h@acme",
        a.APPROVAL_OPERATIONS: ["read", "list"],
        a.APPROVAL_TOOLS: ["crm.read"],
    }
    renewed = {a.APPROVAL_ID: "CHG-1", a.APPROVAL_EXPIRES: MS + 1000, a.APPROVAL_PARTIES: "*@a.eu"}
    sent = [
        granted("CHG-1", **more),
        event(a.APPROVAL_GRANTED, renewed, at=NS + 1),
        event(a.APPROVAL_REVOKED, {a.APPROVAL_ID: "CHG-1", a.APPROVAL_TIME: MS + 500}),
    ]
    assert Post(collector, "vault@acme").send(*sent) == ""
    assert [one for one in current(store, Approval) if one.id == "CHG-1"] == [
        Approval(
            id="CHG-1",
            tenant="acme",
            grantee="gate",
            request="REQ-1",
            approver="p.h@acme",
            datasets=("crm/acme/*",),
            parties=("*@a.eu",),
            operations=("read", "list"),
            tools=("crm.read",),
            valid_from=START,
            valid_until=START + timedelta(seconds=1),
            revoked=START + timedelta(milliseconds=500),
        )
    ]


def test_an_event_cannot_say_that_it_was_recorded_earlier(
    collector: Collector, store: Store
) -> None:
    """A file of the operator's can; what an event makes of that entry is recorded when it comes."""
    approval = Approval(
        id="CHG-77",
        tenant="acme",
        grantee="fjord",
        request="*",
        datasets=("crm/1",),
        valid_from=START,
        recorded=START,
    )
    write([approval], store)
    wider = {a.APPROVAL_ID: "CHG-77", a.APPROVAL_DATASETS: ["*"]}
    assert Post(collector, "vault@acme").send(event(a.APPROVAL_GRANTED, wider)) == ""
    (first, second) = approvals_by_time(store)["acme", "CHG-77"]
    assert first == (START, approval)
    assert second[0] > START + timedelta(days=1)
    assert second[1] == replace(approval, datasets=("*",), recorded=WHEN_LOADED)


def test_a_request_is_read_once_and_its_text_is_not_stored(
    collector: Collector, store: Store
) -> None:
    """As in a registry file: what it names is kept, and stays when a later event has no text."""
    said = {a.REQUEST_ID: "REQ-text", a.SESSION_ID: "s-1", a.TENANT_ID: "acme"}
    text = "Please mail the canaryword report to bo@fjord.example"
    post = Post(collector, "vault@acme")
    for _ in range(2):
        assert post.send(event(a.SESSION_OPENED, said, body=text)) == ""
    assert post.send(event(a.SESSION_OPENED, said | {a.IDENTITY_ID: "spiffe://msp/desk"})) == ""
    (kept,) = [one for one in current(store, Session) if one.request == "REQ-text"]
    assert kept.named == (("email", "bo@fjord.example"),)
    assert (kept.identity, kept.opened) == ("spiffe://msp/desk", START)
    assert kept.facts != "{}"
    assert "canaryword" not in kept.facts
    sql = "SELECT count() AS n FROM sessions WHERE request_id = 'REQ-text'"
    assert store.rows(sql)[0]["n"] == 2


BAD: dict[str, tuple[ProtoRecord, str]] = {
    "no event": (ProtoRecord(time_unix_nano=NS), "are taken: this log record has no event name"),
    "other log": (event("app.started", {}), "only governance events are taken"),
    "typo": (event("partywall.credential.revoke", {}), f"did you mean '{a.CREDENTIAL_REVOKED}'"),
    "no id": (event(a.CREDENTIAL_REVOKED, {}), f"{a.CREDENTIAL_ID}: is missing"),
    "no tenant": (event(a.CREDENTIAL_ISSUED, {a.CREDENTIAL_ID: "x"}), f"{a.TENANT_ID}: is missing"),
    "no time": (
        event(a.CREDENTIAL_ISSUED, {a.CREDENTIAL_ID: "x", a.TENANT_ID: "acme"}, at=0),
        f"{a.CREDENTIAL_TIME}: is missing, and the log record has no time",
    ),
    "unknown id": (revoked("never"), "there is no credential 'never' of your tenants"),
    "no number": (
        issued("x", **{a.CREDENTIAL_EXPIRES: 1.5}),
        f"{a.CREDENTIAL_EXPIRES}: is no time",
    ),
    "seconds": (issued("x", **{a.CREDENTIAL_EXPIRES: "1764000000"}), "write unix milliseconds"),
    "far": (issued("x", **{a.CREDENTIAL_EXPIRES: 2**63 - 1}), "is not between 1970 and 2299"),
    "before": (issued("x", **{a.CREDENTIAL_TIME: -1}), "is not between 1970 and 2299"),
    "late": (event(a.CREDENTIAL_ISSUED, {}, at=2**64 - 1), f"{a.CREDENTIAL_ID}: is missing"),
    "order": (issued("x", **{a.CREDENTIAL_EXPIRES: MS}), f"{a.CREDENTIAL_EXPIRES}: ends before"),
    "list": (issued("x", **{a.IDENTITY_ID: ["a"]}), f"{a.IDENTITY_ID}: expected text, got a list"),
    "listed id": (
        event(a.CREDENTIAL_REVOKED, {a.CREDENTIAL_ID: ["a"]}),
        f"{a.CREDENTIAL_ID}: expected text",
    ),
    "mapping": (
        issued("x", **{a.IDENTITY_ID: AnyValue(kvlist_value=KeyValueList())}),
        f"{a.IDENTITY_ID}: expected text, got a mapping",
    ),
    "flag": (issued("x", **{a.IDENTITY_ID: True}), f"{a.IDENTITY_ID}: expected text"),
    "bytes": (issued("x", **{a.IDENTITY_ID: b"\xff"}), f"{a.IDENTITY_ID}: is bytes"),
    "bytes in a list": (granted("x", **{a.APPROVAL_DATASETS: [b"a"]}), "datasets: is bytes"),
    "nul": (issued("x", **{a.IDENTITY_ID: "a\0"}), f"{a.IDENTITY_ID}: holds a character"),
    "long": (issued("x" * 5000), f"{a.CREDENTIAL_ID}: longer than 4096"),
    "pattern": (
        granted("x", **{a.APPROVAL_DATASETS: ["ok", "regex:^(a+)+$"]}),
        f"{a.APPROVAL_DATASETS}[1]: 'regex:^(a+)+$': it could take too long",
    ),
    "empty": (granted("x", **{a.APPROVAL_DATASETS: []}), f"{a.APPROVAL_DATASETS}: is missing"),
    "grantee": (granted("x", **{a.APPROVAL_GRANTEE: "fjor"}), "no tenant 'fjor' is registered"),
    "star": (granted("*"), f"{a.APPROVAL_ID}: `*` is no name here"),
    "foreign": (issued("x", "fjord"), f"{a.TENANT_ID}: the principal vault@acme may not write"),
    "unknown attribute": (
        issued("x", **{"partywall.credential.expire": MS}),
        f"did you mean '{a.CREDENTIAL_EXPIRES}'",
    ),
    "secret": (issued("x", **{"partywall.credential.secret": "s3cr3t"}), "does not belong here"),
    "password": (issued("x", password="s3cr3t"), "password: a secret does not belong here"),
    "token as id": (issued("ghp_" + "s3cr3t" * 6), f"{a.CREDENTIAL_ID}: looks like a secret"),
    "secret in a list": (
        granted("x", **{a.APPROVAL_DATASETS: ["postgres://u:s3cr3t@db/x"]}),
        f"{a.APPROVAL_DATASETS}: looks like a secret",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_event_is_refused_with_its_name_and_attribute(
    collector: Collector, store: Store, name: str
) -> None:
    """Between two good ones, which are taken; no secret is repeated."""
    record, why = BAD[name]
    before = collector.stats()
    first, last = issued(f"{name}-1"), issued(f"{name}-2")
    told = Post(collector, "vault@acme").send(first, record, last)
    assert told.startswith("1 of 3 log records are refused; [1] ")
    assert why in told
    assert record.event_name not in EVENTS or f"[1] {record.event_name}: " in told
    assert "s3cr3t" not in told
    assert "\0" not in told
    assert "fjord" not in told or name == "foreign"
    after = collector.stats()
    assert after.accepted_log_records - before.accepted_log_records == 2
    assert after.refused_log_records - before.refused_log_records == 1
    assert credential(store, f"{name}-1")
    assert credential(store, f"{name}-2")


def test_a_repeated_attribute_is_refused(collector: Collector) -> None:
    """Which of the two would count?"""
    record = issued("two-ends", **{a.CREDENTIAL_EXPIRES: MS + 1})
    record.attributes.add(key=a.CREDENTIAL_EXPIRES).value.int_value = MS + 2
    told = Post(collector, "vault@acme").send(record)
    assert f"{a.CREDENTIAL_ISSUED}: {a.CREDENTIAL_EXPIRES}: is there twice" in told


NAMES = st.sampled_from([*EVENTS, "", "app.started"])
KEYS = st.sampled_from(sorted({key for one in EVENTS.values() for key in one.keys} | {"x"}))
PLAIN = st.text(max_size=9) | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary(max_size=3)
VALUES = st.recursive(
    PLAIN | st.booleans(), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)


@given(NAMES, st.dictionaries(KEYS, VALUES), st.text(max_size=9), st.integers(0, 2**64 - 1))
def test_any_log_record_is_an_event_or_refused(
    name: str, attributes: dict[str, Any], body: str, at: int
) -> None:
    """Hostile values raise nothing else, and what is read can be read as an entry is."""
    try:
        found = said(event(name, attributes, body=body, at=at))
    except BadEvent:
        return
    keys = {**found.time, **found.keys}
    document = Document("")
    read_entry(
        Entry(found.event.record.kind, "", Keys(keys, dict.fromkeys(keys, 0), 0), 0), document
    )


def test_nobody_takes_over_what_another_tenant_holds(collector: Collector, store: Store) -> None:
    """Neither the credential nor the approval of another tenant moves, ends or is shown."""
    acme, fjord = Post(collector, "vault@acme"), Post(collector, "vault@fjord")
    ends = {a.APPROVAL_EXPIRES: MS + 1000}
    assert fjord.send(issued("lease-f", "fjord"), granted("CHG-f", "fjord", **ends)) == ""
    before = credential(store, "lease-f")
    approval = event(a.APPROVAL_REVOKED, {a.APPROVAL_ID: "CHG-f"})
    tried = [issued("lease-f"), revoked("lease-f"), approval, approval]
    tried[3] = event(a.APPROVAL_REVOKED, {a.APPROVAL_ID: "CHG-f", a.TENANT_ID: "fjord"})
    told = acme.send(*tried).split("; [")
    assert len(told) == 5
    assert "is that of another tenant's credential" in told[1]
    assert "there is no credential 'lease-f' of your tenants" in told[2]
    assert "there is no approval 'CHG-f' of your tenants" in told[3]
    assert "vault@acme may not write for 'fjord'" in told[4]
    assert credential(store, "lease-f") == before
    # Who may write for both does not move it either.
    assert "another tenant's credential" in Post(collector, "desk@msp").send(issued("lease-f"))
    assert "another tenant's credential" in Post(collector, "all@msp").send(issued("lease-f"))
    assert credential(store, "lease-f") == before


def test_two_tenants_may_use_one_number_for_their_approvals(
    collector: Collector, store: Store
) -> None:
    """An approval is its tenant's and its number; who writes for both must say which is meant."""
    for tenant in ("acme", "fjord"):
        assert Post(collector, f"vault@{tenant}").send(granted("CHG-same", tenant)) == ""
    desk = Post(collector, "desk@msp")
    both = event(a.APPROVAL_REVOKED, {a.APPROVAL_ID: "CHG-same"})
    assert f"{a.TENANT_ID}: is missing: several tenants have this approval" in desk.send(both)
    assert Post(collector, "vault@acme").send(both) == ""
    ends = {one.tenant: one.revoked for one in current(store, Approval) if one.id == "CHG-same"}
    assert ends == {"acme": START, "fjord": FOREVER}


def test_who_has_not_the_role_is_refused(collector: Collector, store: Store) -> None:
    """403 and PERMISSION_DENIED with the way out, whatever the body is; 401 without a token."""
    status, body = Post(collector, "agents@acme")(b"not even OTLP")
    assert status == 403
    assert b"--role governance" in body
    assert Post(collector, "nobody")(request(issued("no-role")))[0] == 401
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        metadata = (("authorization", "Bearer agents@acme"),)
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        future = export.future(request(issued("no-role")), timeout=10, metadata=metadata)
        assert future.code() is grpc.StatusCode.PERMISSION_DENIED
    assert rows(store, "no-role") == 0


def test_what_is_no_log_request_is_refused_whole(collector: Collector) -> None:
    """As for traces: 400 for other bytes, 413 for too many, 415 for other types."""
    post = Post(collector, "vault@acme")
    assert post(b"not otlp")[0] == 400
    for text in (b"{", b"[]", b'{"resourceLogs": 7}', b'{"\\ud800": 1}', b"[" * 5000):
        assert replace(post, headers={"Content-Type": JSON})(text)[0] == 400
    assert post(request(*[ProtoRecord()] * (MOST + 1)))[0] == 413
    assert replace(post, headers={"Content-Type": "text/plain"})(b"")[0] == 415
    assert post(b"") == (200, b"")


def test_while_the_store_is_down_the_sender_is_told_to_come_back(store: Store) -> None:
    """503 and UNAVAILABLE with a pause; nothing is half stored."""

    class Down:
        def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
            return store.rows(sql, params)

        def insert(self, table: str, rows: Any) -> None:
            raise StoreUnavailable("secret address of the store")

        home = store.home

    intake = LogIntake(Governance(Down()), Counters(), Parsing(0))  # pyright: ignore[reportArgumentType]  # what of a store is used
    with pytest.raises(Refused, match="the store does not answer") as caught:
        intake.take(Sender("vault@acme", ("acme",)), request(issued("down")))
    assert caught.value.reason is Reason.UNAVAILABLE
    assert rows(store, "down") == 0


def test_the_analyzer_holds_a_revocation_that_came_as_a_log_against_the_calls_after_it(
    collector: Collector, store: Store
) -> None:
    """From the wire to the finding."""
    post = Post(collector, "vault@acme")
    assert post.send(issued("stale-1"), issued("fresh-1")) == ""
    log = Log(store)
    for id in ("stale-1", "fresh-1"):
        run = log.agent("acme", session=f"s-{id}")
        log.call("acme", parent=run, at=20, session=f"s-{id}", credential=id)
    log.write()
    assert not [one for one in analyze(store).findings if one.rule == "stale-credential"]
    assert post.send(revoked("stale-1", NS + 10 * 10**9)) == ""
    (found,) = [one for one in analyze(store).findings if one.rule == "stale-credential"]
    assert (found.session_id, found.reasons) == ("s-stale-1", ("credential.revoked",))


def test_the_page_lists_every_event_with_its_attributes() -> None:
    """docs/governance.md has the table."""
    found = re.findall(r"^\| `(partywall\.[a-z.]+)` \| `(\w+)` \| (.*) \|$", PAGE.read_text(), re.M)
    assert found == [
        (one.name, one.record.kind, ", ".join(f"`{name}`" for name in one.keys))
        for one in EVENTS.values()
    ]
    assert BODY in EVENTS[a.SESSION_OPENED].keys
