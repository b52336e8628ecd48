"""The one reading of a request: parsed, stripped of unknown fields, serialised again.

Protobuf and ClickHouse read some malformed bodies differently (a field twice, a wrong wire type).
What is spooled is therefore what protobuf understood, never what the sender wrote.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.json_format import ParseDict
from google.protobuf.json_format import ParseError as JsonError
from google.protobuf.message import DecodeError, EncodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class NotOtlp(ValueError):
    """The body is not an ExportTraceServiceRequest; the text says why, for the sender."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """A request body that protobuf and ClickHouse read alike, and how many spans it has."""

    body: bytes
    spans: int


def from_protobuf(raw: bytes) -> Canonical:
    """The canonical form of a protobuf body."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(raw)
    except DecodeError as error:
        raise NotOtlp(f"the body is not an OTLP ExportTraceServiceRequest: {error}") from None
    return _canonical(request)


def from_json(raw: bytes | str) -> Canonical:
    """The canonical form of a JSON body, where OTLP writes trace and span ids in hex."""
    request = ExportTraceServiceRequest()
    try:
        document = json.loads(raw)
        for holder, key in list(_ids(document)):
            holder[key] = base64.b64encode(binascii.unhexlify(holder[key])).decode()
        ParseDict(document, request, ignore_unknown_fields=True)
    except (JsonError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotOtlp(f"the body is not an OTLP trace request in JSON: {error}") from None
    return _canonical(request)


def _canonical(request: ExportTraceServiceRequest) -> Canonical:
    request.DiscardUnknownFields()
    try:
        body = request.SerializeToString()
    except EncodeError as error:
        raise NotOtlp(f"the request cannot be written again: {error}") from None
    spans = sum(len(scope.spans) for rs in request.resource_spans for scope in rs.scope_spans)
    return Canonical(body, spans)


def _ids(document: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Each place of a JSON request that holds a trace or span id."""
    for resource in _objects(document, "resourceSpans"):
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                for holder in (span, *_objects(span, "links")):
                    for key in ("traceId", "spanId", "parentSpanId"):
                        if key in holder:
                            yield holder, key


def _objects(holder: Any, key: str) -> list[dict[str, Any]]:
    if not isinstance(holder, dict):
        raise NotOtlp(f"`{key}` is looked for in something that is not an object")
    items: Any = cast("dict[str, Any]", holder).get(key) or []
    if not isinstance(items, list):
        raise NotOtlp(f"`{key}` is not a list")
    return cast("list[dict[str, Any]]", items)
