"""A span that ClickHouse decodes comes out as it went in, whatever it holds."""

import base64
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from partywall import attributes as a
from partywall_collector.envelope import Envelope, frame
from partywall_collector.otlp_spans import resource_spans
from partywall_collector.store import Store

DOUBLES = {
    "zero": 0x0000000000000000,
    "minus zero": 0x8000000000000000,
    "least subnormal": 0x0000000000000001,
    "most subnormal": 0x000FFFFFFFFFFFFF,
    "least normal": 0x0010000000000000,
    "least negative subnormal": 0x8000000000000001,
    "most": 0x7FEFFFFFFFFFFFFF,
    "infinity": 0x7FF0000000000000,
    "minus infinity": 0xFFF0000000000000,
    "nan": 0x7FF8000000000000,
    "nan of Go": 0x7FF8000000000001,
    "nan of x86": 0xFFF8000000000000,
    "signalling nan": 0x7FF0000000000001,
    "all ones": 0xFFFFFFFFFFFFFFFF,
    "a third": 0x3FD5555555555555,
}
"""Bits of doubles at the ends of what there is."""

INTEGERS = (0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), -(2**63) + 1)


def double(bits: int) -> AnyValue:
    """A value of exactly these bits: in Python some numbers that are none become others."""
    return AnyValue.FromString(b"\x21" + bits.to_bytes(8, "little"))


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
EDGES = st.sampled_from(["", "x" * 127, "x" * 128, "x" * 16384, "pb:AA==", "\0", "\n"])
KEYS = st.one_of(TEXT, st.sampled_from(["input.value", "exception.message", "k" * 200])).filter(
    lambda key: not key.startswith(a.NAMESPACE)
)
SCALARS = st.one_of(
    st.one_of(TEXT, EDGES).map(lambda value: AnyValue(string_value=value)),
    st.booleans().map(lambda value: AnyValue(bool_value=value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: AnyValue(int_value=value)),
    st.integers(0, 2**64 - 1).map(lambda bits: double(bits)),
    st.floats().map(lambda value: AnyValue(double_value=value)),
    st.binary(max_size=300).map(lambda value: AnyValue(bytes_value=value)),
    st.builds(AnyValue),
)
MOMENTS = st.integers(0, 2**64 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)


def nested(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    """Arrays and maps of values."""
    arrays = st.lists(values, max_size=3).map(
        lambda items: AnyValue(array_value=ArrayValue(values=items))
    )
    maps = st.dictionaries(TEXT, values, max_size=3).map(
        lambda items: AnyValue(kvlist_value=KeyValueList(values=pairs(items)))
    )
    return st.one_of(arrays, maps)


KINDS = st.one_of(st.integers(0, 5), INT32)
CODES = st.one_of(st.integers(0, 2), INT32)
VALUES = st.recursive(SCALARS, nested, max_leaves=6)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=5)


def pairs(values: Mapping[str, AnyValue]) -> list[KeyValue]:
    """OTLP attributes."""
    return [KeyValue(key=key, value=value) for key, value in values.items()]


@st.composite
def events(draw: DrawFn) -> Span.Event:
    """Any event."""
    return Span.Event(
        time_unix_nano=draw(MOMENTS), name=draw(TEXT), attributes=pairs(draw(ATTRIBUTES))
    )


@st.composite
def links(draw: DrawFn) -> Span.Link:
    """Any link."""
    return Span.Link(
        trace_id=draw(st.binary(min_size=16, max_size=16)),
        span_id=draw(st.binary(min_size=8, max_size=8)),
        trace_state=draw(TEXT),
        attributes=pairs(draw(ATTRIBUTES)),
    )


@st.composite
def spans(draw: DrawFn) -> Span:
    """Any span of the tenant `open`."""
    bound = {a.TENANT_ID: AnyValue(string_value="open")}
    return Span(
        trace_id=os.urandom(16),
        span_id=os.urandom(8),
        parent_span_id=draw(st.sampled_from([b"", b"parent-8"])),
        name=draw(TEXT),
        trace_state=draw(TEXT),
        kind=draw(KINDS),  # pyright: ignore[reportArgumentType]  # an open enum takes any number
        flags=draw(st.integers(0, 2**32 - 1)),
        start_time_unix_nano=draw(MOMENTS),
        end_time_unix_nano=draw(MOMENTS),
        status=Status(
            message=draw(TEXT),
            code=draw(CODES),  # pyright: ignore[reportArgumentType]  # the same
        ),
        attributes=pairs(draw(ATTRIBUTES) | bound),
        events=draw(st.lists(events(), max_size=3)),
        links=draw(st.lists(links(), max_size=3)),
    )


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=st.lists(spans(), min_size=1, max_size=12))
def test_a_span_comes_out_as_it_went_in(store: Store, sent: list[Span]) -> None:
    """Attributes with their types, events, links, times and status survive, whatever they hold."""
    tenant = {"tenant_id": "open", "placement": "open", "store_content": True}
    store.insert("tenants", [tenant | {"recorded_at": datetime.now(UTC)}])
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(sent)
    envelope = Envelope("agents", ("*",), "A1", time.time_ns(), request.SerializeToString())
    store.load(b"".join(frame(envelope)), token=os.urandom(8).hex())
    for span in sent:
        (row,) = store.rows(STORED, {"id": span.span_id.hex()})
        assert rebuilt(row).SerializeToString() == span.SerializeToString()


@pytest.mark.parametrize("placement", ["stored", "quarantined"])
def test_the_ends_of_what_there_is_come_out_to_the_bit(store: Store, placement: str) -> None:
    """Odd doubles, the extremes of integers and of enums, empty keys; in quarantine as well."""
    tenant = {"tenant_id": "open", "placement": "open", "store_content": True}
    store.insert("tenants", [tenant | {"recorded_at": datetime.now(UTC)}])
    values = {name: double(bits) for name, bits in DOUBLES.items()}
    values |= {f"integer {number}": AnyValue(int_value=number) for number in INTEGERS}
    values |= {"": AnyValue(string_value=""), "nothing": AnyValue()}
    values["among others"] = AnyValue(array_value=ArrayValue(values=[*values.values()]))
    whose = "open" if placement == "stored" else "nobody"
    bound = pairs({a.TENANT_ID: AnyValue(string_value=whose)})
    sent = [
        Span(
            trace_id=os.urandom(16),
            span_id=os.urandom(8),
            kind=extreme,  # pyright: ignore[reportArgumentType]  # an open enum takes any number
            status=Status(code=extreme),  # pyright: ignore[reportArgumentType]  # the same
            start_time_unix_nano=moment,
            end_time_unix_nano=2**64 - 1 - moment,
            flags=2**32 - 1,
            attributes=pairs(values) + bound,
            events=[Span.Event(time_unix_nano=moment, attributes=pairs(values))],
            links=[Span.Link(trace_id=bytes(16), span_id=bytes(8), attributes=pairs(values))],
        )
        for extreme in (6, 77, -1, 2**31 - 1, -(2**31))
        for moment in (0, 2**63 - 1, 2**63)
    ]
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(sent)
    envelope = Envelope("agents", ("*",), "A1", time.time_ns(), request.SerializeToString())
    store.load(b"".join(frame(envelope)), token=os.urandom(8).hex())
    for span in sent:
        if placement == "stored":
            (row,) = store.rows(STORED, {"id": span.span_id.hex()})
            found = rebuilt(row)
        else:
            (row,) = store.rows(REFUSED, {"id": span.span_id.hex()})
            found = resource_spans(**row).scope_spans[0].spans[0]
        assert found.SerializeToString() == span.SerializeToString()


REFUSED = "SELECT trace_id, span_id, span AS kept FROM quarantine WHERE span_id = {id:String}"
STORED = """
SELECT *, toUnixTimestamp64Nano(start_time) AS started, toUnixTimestamp64Nano(end_time) AS ended,
    arrayMap(event -> toUnixTimestamp64Nano(event.time), events) AS event_times
FROM spans WHERE span_id = unhex({id:String})
"""


def rebuilt(row: Mapping[str, Any]) -> Span:
    """The span that a row holds."""
    return Span(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"].strip(b"\0") and row["parent_span_id"],
        name=row["name"],
        trace_state=row["trace_state"],
        kind=row["span_kind"],
        flags=row["flags"],
        start_time_unix_nano=row["started"] % 2**64,
        end_time_unix_nano=row["ended"] % 2**64,
        status=Status(message=row["status_message"], code=row["status_code"]),
        attributes=rebuilt_attributes(row),
        events=[
            Span.Event(
                time_unix_nano=at % 2**64, name=event["name"], attributes=rebuilt_attributes(event)
            )
            for at, event in zip(row["event_times"], row["events"], strict=True)
        ],
        links=[
            Span.Link(
                trace_id=link["trace_id"],
                span_id=link["span_id"],
                trace_state=link["trace_state"],
                attributes=rebuilt_attributes(link),
            )
            for link in row["links"]
        ],
    )


def rebuilt_attributes(holder: Mapping[str, Any]) -> list[KeyValue]:
    """The attributes that a text map and a type map hold."""
    types = holder["attribute_types"]
    return [
        KeyValue(key=key, value=rebuilt_value(types.get(key, "string"), value))
        for key, value in holder["attributes"].items()
    ]


def rebuilt_value(kind: str, value: str) -> AnyValue:
    """The value that a text and its type hold."""
    match kind:
        case "string":
            return AnyValue(string_value=value)
        case "bool":
            return AnyValue(bool_value=value == "true")
        case "int":
            return AnyValue(int_value=int(value))
        case "double":
            return AnyValue(double_value=float(value))
        case _:
            return AnyValue.FromString(base64.b64decode(value))
