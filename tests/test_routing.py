"""What ClickHouse makes of a segment: spans, calls, or quarantine with a reason."""

import base64
import json
import os
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from partywall import attributes as a
from partywall import fingerprint_keys, identifiers
from partywall_collector.envelope import Envelope, frame
from partywall_collector.store import QueryFailed, Store, open_store

TOOL = {"gen_ai.operation.name": "execute_tool", a.TENANT_ID: "acme"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests of this file."""
    home = tmp_path_factory.mktemp("routing")
    with open_store(f"chdb://{home}", role="owner") as store:
        yield store


@pytest.fixture
def store(engine: Store) -> Store:
    """The store without a row: emptying the tables is faster than another store."""
    for table in ("tenants", "tools", "spans", "calls", "quarantine"):
        engine.command(f"TRUNCATE TABLE {table}")
    return engine


# --- What is sent ------------------------------------------------------------------------------


def pairs(values: Mapping[str, str | list[str]]) -> list[KeyValue]:
    """OTLP attributes of strings and lists of strings."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def any_value(value: str | list[str]) -> AnyValue:
    """A string or a list of strings as OTLP."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))


def span(values: Mapping[str, str | list[str]], name: str = "work", **fields: Any) -> Span:
    """A span with these attributes."""
    made: dict[str, Any] = {
        "trace_id": os.urandom(16),
        "span_id": os.urandom(8),
        "name": name,
        "start_time_unix_nano": time.time_ns(),
        "end_time_unix_nano": time.time_ns(),
        "attributes": pairs(values),
    }
    return Span(**made | fields)


def segment(
    spans: Sequence[Span],
    tenants: tuple[str, ...] = ("*",),
    resource: Mapping[str, str | list[str]] = MappingProxyType({}),
) -> bytes:
    """A segment of one envelope."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(pairs({"service.name": "agents"} | (dict(resource))))
    resource_spans.scope_spans.add().spans.extend(spans)
    envelope = Envelope("agents", tenants, "A1", time.time_ns(), request.SerializeToString())
    return b"".join(frame(envelope))


def load(store: Store, *spans: Span, **how: Any) -> None:
    """Load spans under a new token."""
    store.load(segment(spans, **how), token=os.urandom(8).hex())


def tenants(store: Store, *ids: str, store_content: bool = False) -> None:
    """Register tenants."""
    row: dict[str, Any] = {"store_content": store_content, "recorded_at": datetime.now(UTC)}
    store.insert("tenants", [row | {"tenant_id": id, "name": id, "placement": id} for id in ids])


def counts(store: Store) -> dict[str, int]:
    """How many rows the routed tables have."""
    tables = ("spans", "calls", "quarantine")
    return {table: store.rows(f"SELECT count() AS n FROM {table}")[0]["n"] for table in tables}


def only(store: Store, sql: str) -> Any:
    """The one row of a query."""
    (row,) = store.rows(sql)
    return row


# --- A span goes to its tenant or to quarantine ------------------------------------------------

REFUSED: dict[str, tuple[Span, tuple[str, ...]]] = {
    "no tenant": (span({}), ("*",)),
    "two tenants": (
        span({}, attributes=pairs({a.TENANT_ID: "acme"}) + pairs({a.TENANT_ID: "fjord"})),
        ("*",),
    ),
    "foreign tenant": (span({a.TENANT_ID: "acme"}), ("fjord",)),
    "unknown tenant": (span({a.TENANT_ID: "nobody"}), ("*",)),
    "bad id": (span({a.TENANT_ID: "acme"}, trace_id=b"\0" * 16), ("*",)),
    "duplicate attribute": (
        span(
            {},
            attributes=pairs({a.TENANT_ID: "acme", a.PARTY_ID: "x"}) + pairs({a.PARTY_ID: "y"}),
        ),
        ("*",),
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refused_span_goes_to_quarantine_with_its_reason(store: Store, reason: str) -> None:
    """It is in no other table; the row says who sent it and what it claimed."""
    refused, principal_tenants = REFUSED[reason]
    tenants(store, "acme", "fjord")
    load(store, refused, tenants=principal_tenants)
    row = only(store, "SELECT reason, principal, principal_tenants, span FROM quarantine")
    assert row["reason"] == reason
    assert row["principal"] == "agents"
    assert row["principal_tenants"] == list(principal_tenants)
    assert json.loads(row["span"])["name"] == "work"
    assert counts(store) == {"spans": 0, "calls": 0, "quarantine": 1}


@pytest.mark.parametrize("size", [0, 7, 9])
def test_a_span_id_of_another_length_is_bad(store: Store, size: int) -> None:
    """An id is never padded or cut into one that looks good."""
    tenants(store, "acme")
    load(store, span({a.TENANT_ID: "acme"}, span_id=b"x" * size))
    assert only(store, "SELECT reason, span_id FROM quarantine") == {
        "reason": "bad id",
        "span_id": (b"x" * size).hex(),
    }


def test_span_and_resource_may_not_name_two_tenants(store: Store) -> None:
    """A process of one tenant cannot slip a span in under the name of another."""
    tenants(store, "acme", "fjord")
    load(store, span({a.TENANT_ID: "acme"}), resource={a.TENANT_ID: "fjord"})
    assert only(store, "SELECT reason, claimed_tenants FROM quarantine") == {
        "reason": "two tenants",
        "claimed_tenants": ["acme", "fjord"],
    }


def test_an_alias_names_the_tenant_only_where_our_own_key_does_not(store: Store) -> None:
    """Our own key wins over the names that other frameworks use."""
    tenants(store, "acme", "fjord")
    load(store, span({"tenant": "fjord", a.TENANT_ID: "acme"}), span({"tenant.id": "fjord"}))
    assert store.rows("SELECT tenant_id FROM spans ORDER BY tenant_id") == [
        {"tenant_id": "acme"},
        {"tenant_id": "fjord"},
    ]


def test_a_span_is_judged_by_what_was_registered_when_it_was_received(store: Store) -> None:
    """A tenant that is registered afterwards does not change where a segment goes."""
    body = segment([span(TOOL)])
    tenants(store, "acme")
    store.load(body, token="1")
    assert counts(store) == {"spans": 0, "calls": 0, "quarantine": 1}


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    claims=st.lists(st.sampled_from(["acme", "fjord", "nobody", ""]), min_size=1, max_size=40),
    principal=st.sampled_from([("*",), ("acme",), ("acme", "fjord"), ()]),
)
def test_every_span_is_in_one_place(
    store: Store, claims: list[str], principal: tuple[str, ...]
) -> None:
    """Accepted and refused spans add up to what was sent."""
    tenants(store, "acme", "fjord")
    before = counts(store)
    load(store, *[span({a.TENANT_ID: claim}) for claim in claims], tenants=principal)
    after = counts(store)
    accepted = after["spans"] - before["spans"]
    assert accepted + after["quarantine"] - before["quarantine"] == len(claims)
    allowed = {"acme", "fjord"} if principal == ("*",) else set(principal)
    assert accepted == sum(claim in allowed for claim in claims)


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        (AnyValue(int_value=7), 7),
        (AnyValue(int_value=-1), 0),
        (AnyValue(int_value=2**40), 0),
        (AnyValue(string_value="seven"), 0),
        (AnyValue(), 0),
    ],
    ids=["number", "negative", "too large", "no number", "empty"],
)
def test_a_span_keeps_its_number_in_the_session(store: Store, said: AnyValue, stored: int) -> None:
    """A gap in the numbers shows that spans are missing; what is no number is none."""
    tenants(store, "acme")
    number = KeyValue(key=a.SESSION_SEQUENCE, value=said)
    load(store, span({}, attributes=[*pairs({a.TENANT_ID: "acme"}), number]))
    assert only(store, "SELECT sequence FROM spans") == {"sequence": stored}


# --- Exactly once ------------------------------------------------------------------------------


def test_the_same_segment_under_the_same_token_adds_nothing(store: Store) -> None:
    """Not even when the registry changed between the two loads."""
    tenants(store, "acme")
    body = segment([span(TOOL), span({}), span({a.TENANT_ID: "late"})])
    store.load(body, token="1")
    first = counts(store)
    assert first == {"spans": 1, "calls": 1, "quarantine": 2}
    tenants(store, "acme", "late")
    store.command(
        "INSERT INTO tools (tool, datasets, recorded_at) VALUES ('work', ['x'], now64(6))"
    )
    store.load(body, token="1")
    assert counts(store) == first
    store.load(body, token="2")
    assert counts(store) == {table: 2 * n for table, n in first.items()}


def test_a_load_that_failed_half_way_is_completed_by_the_next(store: Store) -> None:
    """A failing view fails the load; the rows that were written by then are not written twice."""
    tenants(store, "acme")
    body = segment([span(TOOL), span({})])
    (key,) = store.rows("SELECT * FROM fingerprint_keys")
    store.command("TRUNCATE TABLE fingerprint_keys")
    with pytest.raises(QueryFailed):
        store.load(body, token="1")
    store.insert("fingerprint_keys", [key])
    store.load(body, token="1")
    assert counts(store) == {"spans": 1, "calls": 1, "quarantine": 1}


def test_a_body_that_is_no_segment_fails_and_leaves_nothing(store: Store) -> None:
    """Torn or damaged bytes are an error for the loader, never half a segment."""
    tenants(store, "acme")
    for body in (b"\xff\xff\xff", segment([span(TOOL)])[:-3]):
        with pytest.raises(QueryFailed):
            store.load(body, token="1")
    assert counts(store) == {"spans": 0, "calls": 0, "quarantine": 0}


# --- Content -----------------------------------------------------------------------------------

SECRET = "the patient's name is Ingrid"
CONTENT = span(
    TOOL | {"gen_ai.tool.call.arguments": SECRET, "gen_ai.prompt.0.content": SECRET, "kept": "yes"},
    status=Status(message=SECRET, code=Status.STATUS_CODE_ERROR),
    events=[Span.Event(name="exception", attributes=pairs({"exception.message": SECRET}))],
)


def test_content_is_not_stored(store: Store) -> None:
    """No table has it, and the span says how much was left out."""
    tenants(store, "acme")
    load(store, CONTENT, span({"input.value": SECRET}))
    for table in ("spans", "calls", "quarantine"):
        row = only(store, f"SELECT toString(tuple(*)) AS text FROM {table}")
        assert "Ingrid" not in row["text"]
    row = only(store, "SELECT dropped_content, attributes['kept'] AS kept FROM spans")
    assert row == {"dropped_content": 4, "kept": "yes"}


def test_content_is_stored_for_a_tenant_that_turned_it_on(store: Store) -> None:
    """`store_content` keeps all of it, for that tenant alone."""
    tenants(store, "acme", store_content=True)
    load(store, CONTENT)
    row = only(store, "SELECT * FROM spans")
    assert row["dropped_content"] == 0
    assert row["attributes"]["gen_ai.tool.call.arguments"] == SECRET
    assert row["events"][0]["attributes"] == {"exception.message": SECRET}
    assert row["status_message"] == SECRET


def test_an_attestation_that_comes_over_the_wire_is_dropped(store: Store) -> None:
    """Only the collector says how sure it is."""
    tenants(store, "acme")
    load(store, span({a.TENANT_ID: "acme", f"{a.ATTESTATION}.grade": "A3"}))
    row = only(store, "SELECT attributes, attestation FROM spans")
    assert row == {"attributes": {a.TENANT_ID: "acme"}, "attestation": "A1"}


# --- Calls -------------------------------------------------------------------------------------


def rule(store: Store, **fields: Any) -> None:
    """Register a tool."""
    store.insert("tools", [{"recorded_at": datetime.now(UTC)} | fields])


def call(store: Store, tool: str, arguments: object, **more: Any) -> dict[str, Any]:
    """The row that a call of a tool makes."""
    tenants(store, "acme")
    said = arguments if isinstance(arguments, str) else json.dumps(arguments)
    values = TOOL | {"gen_ai.tool.name": tool, "gen_ai.tool.call.arguments": said}
    load(store, span(values | more.pop("values", {}), **more))
    return only(store, "SELECT * FROM calls")


def test_a_rule_names_datasets_and_the_operation_from_the_arguments(store: Store) -> None:
    """A template is filled; one whose arguments are all missing names no dataset."""
    rule(store, tool="save", operation_argument="how", datasets=["file/{dir}/{path}", "x/{nope}"])
    row = call(store, "save", {"how": "write", "path": "{dir}.txt"})
    assert row["operation"] == "write"
    assert row["datasets"] == [{"id": "file//{dir}.txt", "operation": "write"}]


def test_a_rule_names_parties_in_their_one_spelling(store: Store) -> None:
    """Arguments may be strings or lists, and may carry display names."""
    rule(store, tool="send", party_arguments=["to", "cc"], party_kind="email")
    row = call(
        store, "send", {"to": ["Ann <Ann@X.example>", "bob@y.example"], "cc": "BOB@y.example "}
    )
    assert row["parties"] == [
        {"kind": "email", "value": "ann@x.example"},
        {"kind": "email", "value": "bob@y.example"},
    ]


@pytest.mark.parametrize(
    "arguments", ["", "null", "[]", "{", "not json", '{"to": {"a": [1]}}', '"x"']
)
def test_odd_arguments_do_no_harm(store: Store, arguments: str) -> None:
    """Whatever an agent sends as arguments, the call is recorded."""
    rule(store, tool="send", operation="send", datasets=["a/{to}"], party_arguments=["to"])
    assert call(store, "send", arguments)["operation"] == "send"


def test_what_the_span_itself_says_wins_over_the_rule(store: Store) -> None:
    """Datasets of an attribute and of access events; a party with its kind."""
    rule(store, tool="save", operation="read", datasets=["rule"], party_arguments=["to"])
    access = pairs({a.DATASET_ID: "two", a.DATASET_OPERATION: "delete"})
    row = call(
        store,
        "save",
        {"to": "x"},
        values={
            a.DATASET_ID: "one",
            a.DATASET_OPERATION: "write",
            a.PARTY_ID: "DE89 3704 0044 0532 0130 00",
            a.PARTY_KIND: "iban",
            a.ACTOR_CHAIN: ["agent", "y" * 200],
        },
        events=[Span.Event(name=a.DATASET_ACCESS, attributes=access)],
    )
    assert row["datasets"] == [
        {"id": "one", "operation": "write"},
        {"id": "two", "operation": "delete"},
    ]
    assert row["parties"] == [{"kind": "iban", "value": "DE89370400440532013000"}]
    assert row["actor_chain"] == ["agent", "y" * 200]


def test_identifiers_become_the_same_fingerprints_as_in_python(store: Store) -> None:
    """Python and ClickHouse agree on what an identifier is, and a JSON escape hides none."""
    key = bytes.fromhex((store.home / "fingerprint.key").read_text())
    body = "REF-20417 of ann@x.example,\nsee https://www.fjord.example/a?b or +44 20 7946 0958"
    row = call(store, "send", {"body": body}, values={"gen_ai.tool.call.result": "AB-12345"})
    expected = identifiers.fingerprints(key, identifiers.find(body))
    assert len(expected) == 4
    assert row["values_in"] == expected
    assert row["values_out"] == identifiers.fingerprints(key, identifiers.find("AB-12345"))


def test_fingerprints_that_a_span_brings_along_win(store: Store) -> None:
    """An agent with our SDK took them where the content was."""
    row = call(store, "send", "AB-12345", values={a.VALUES_IN: ["7", str(2**64 - 1), "no number"]})
    assert row["values_in"] == [7, 2**64 - 1]


FACTS: dict[str, str | list[str]] = {
    a.ARGUMENT_TERMS: base64.b64encode(struct.pack("<2Q", 3, 2**64 - 1)).decode(),
    a.INTRODUCES: "user text:" + base64.b64encode(struct.pack("<QHB", 5, 1, 1)).decode(),
    a.RECORD_TERMS: base64.b64encode(struct.pack("<QH", 6, 1)).decode(),
    a.VALUES_IN: ["7"],
    a.VALUES_OUT: ["8", "9"],
}
"""What the SDK takes of a call, and `calls` has columns for."""


@pytest.mark.parametrize("where", ["a call", "no call", "a call under another key"])
def test_a_fact_is_stored_once(store: Store, where: str) -> None:
    """In a column of `calls` where it counts there; else in the attributes of its span."""
    key = bytes.fromhex((store.home / "fingerprint.key").read_text())
    tenants(store, "acme")
    said: dict[str, str | list[str]] = {a.TENANT_ID: "acme", "url.path": "/"} | FACTS
    said[a.VALUES_EPOCH] = "abcdef01" if "another" in where else fingerprint_keys.epoch(key)
    said["gen_ai.operation.name"] = "chat" if where == "no call" else "execute_tool"
    load(store, span(said))
    row = only(store, "SELECT attributes, attribute_types, dropped_content FROM spans")
    left = set(said) - set(FACTS) if where == "a call" else set(said)
    assert set(row["attributes"]) == left
    assert set(row["attribute_types"]) == left & {a.VALUES_IN, a.VALUES_OUT}
    assert row["dropped_content"] == 0
    if where == "a call":
        stored = only(store, "SELECT * FROM calls")
        assert stored["argument_terms"] == [3, 2**64 - 1]
        assert [found["value"] for found in stored["introduces"]] == [5]
        assert stored["record_terms"] == [{"record": 1, "term": 6}]
        assert (stored["values_in"], stored["values_out"]) == ([7], [8, 9])


def test_a_span_that_is_no_call_is_only_a_span(store: Store) -> None:
    """Model calls and plain work are evidence, but no tool call."""
    tenants(store, "acme")
    load(store, span({a.TENANT_ID: "acme", "gen_ai.operation.name": "chat"}))
    assert counts(store) == {"spans": 1, "calls": 0, "quarantine": 0}
