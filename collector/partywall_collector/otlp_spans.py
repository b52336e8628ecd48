"""A quarantined span as OTLP again: the JSON that the view `route_quarantine` wrote, read back."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status


def resource_spans(trace_id: str, span_id: str, kept: str) -> ResourceSpans:
    """The span with its resource and scope; what was content is not there."""
    said = json.loads(kept)
    span = Span(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        parent_span_id=bytes.fromhex(said["parent_span_id"]),
        name=said["name"],
        kind=said["kind"],
        trace_state=said["trace_state"],
        flags=said["flags"],
        start_time_unix_nano=_nanoseconds(said["start_time_unix_nano"]),
        end_time_unix_nano=_nanoseconds(said["end_time_unix_nano"]),
        status=Status(code=said["status"]),
        attributes=_attributes(said["attributes"]),
        events=[
            Span.Event(
                time_unix_nano=_nanoseconds(event["time_unix_nano"]),
                name=event["name"],
                attributes=_attributes(event["attributes"]),
            )
            for event in said["events"]
        ],
        links=[
            Span.Link(
                trace_id=bytes.fromhex(link["trace_id"]),
                span_id=bytes.fromhex(link["span_id"]),
                trace_state=link["trace_state"],
                attributes=_attributes(link["attributes"]),
            )
            for link in said["links"]
        ],
    )
    scope_spans = ScopeSpans(spans=[span])
    scope_spans.scope.name, scope_spans.scope.version = said["scope_name"], said["scope_version"]
    whole = ResourceSpans(scope_spans=[scope_spans])
    whole.resource.attributes.extend(_attributes(said["resource"]))
    return whole


def _nanoseconds(stored: int | str) -> int:
    """The store holds them signed; OTLP does not."""
    return int(stored) & 0xFFFF_FFFF_FFFF_FFFF


def _attributes(kept: Iterable[Mapping[str, Any]]) -> list[KeyValue]:
    return [KeyValue(key=item["key"], value=_value(item["type"], item["value"])) for item in kept]


def _value(kind: str, text: str) -> AnyValue:
    match kind:
        case "":
            return AnyValue(string_value=text)
        case "bool":
            return AnyValue(bool_value=text == "true")
        case "int":
            return AnyValue(int_value=int(text))
        case "double":
            return AnyValue(double_value=float(text))
        case _:
            return AnyValue.FromString(base64.b64decode(text))
