"""The one reading of a request: parsed, stripped of unknown fields, serialised again.

Protobuf and ClickHouse read some malformed bodies differently (a field twice, a wrong wire type).
What is spooled is therefore what protobuf understood, never what the sender wrote.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from google.protobuf.json_format import ParseDict
from google.protobuf.json_format import ParseError as JsonError
from google.protobuf.message import DecodeError, EncodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from partywall import attributes
from partywall_collector.claims import count_claims

GRANT = attributes.ATTESTATION_GRANT.encode()
LONGEST_SESSION = 512


class NotOtlp(ValueError):
    """The body is not an ExportTraceServiceRequest; the text says why, for the sender."""


class Presented(NamedTuple):
    """A session grant that a span brought, and the session of that span (else its trace)."""

    session: str
    token: str


@dataclass(frozen=True, slots=True)
class Canonical:
    """A request body that protobuf and ClickHouse read alike, and how many spans it has.

    The grants that its spans brought are beside it, and no longer in it.
    """

    body: bytes
    spans: int
    grants: tuple[Presented, ...] = ()
    claimed: Mapping[str, int] = field(default_factory=dict[str, int])
    """Tenant -> how many spans claim it, where that was asked for."""


def from_protobuf(raw: bytes, *, count: bool = False) -> Canonical:
    """The canonical form of a protobuf body; with `count`, what its spans claim is counted."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(raw)
    except DecodeError as error:
        raise NotOtlp(f"the body is not an OTLP ExportTraceServiceRequest: {error}") from None
    return _canonical(request, count)


def from_json(raw: bytes | str, *, count: bool = False) -> Canonical:
    """As `from_protobuf`, of a JSON body, where OTLP writes trace and span ids in hex."""
    request = ExportTraceServiceRequest()
    try:
        document = json.loads(raw)
        for holder, key in list(_ids(document)):
            holder[key] = base64.b64encode(binascii.unhexlify(holder[key])).decode()
        fill(request, document)
    except (JsonError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotOtlp(f"the body is not an OTLP trace request in JSON: {error}") from None
    return _canonical(request, count)


def fill(message: Message, document: Any) -> None:
    """Read a JSON document into a message; raises as `ParseDict` does, or `NotOtlp`."""
    try:
        ParseDict(document, message, ignore_unknown_fields=True)
    except SystemError:  # the protobuf library's answer to a key with half a character
        raise NotOtlp("a key in it is no text") from None


def _canonical(request: ExportTraceServiceRequest, count: bool) -> Canonical:
    request.DiscardUnknownFields()
    grants: tuple[Presented, ...] = ()
    try:
        body = request.SerializeToString()
        if named := body.count(GRANT):  # only then is a span looked at
            grants = tuple(_take_grants(request, named))
            body = request.SerializeToString()
    except EncodeError as error:
        raise NotOtlp(f"the request cannot be written again: {error}") from None
    spans = sum(len(scope.spans) for rs in request.resource_spans for scope in rs.scope_spans)
    return Canonical(body, spans, grants, count_claims(request) if count else {})


def _take_grants(request: ExportTraceServiceRequest, named: int) -> Iterator[Presented]:
    """Take the grants off the spans of a request, one of each session and wording.

    `named` is how often the bytes name one: when all are found the other spans are left alone.
    """
    seen: set[Presented] = set()
    for resource_spans in request.resource_spans:
        of_resource = _session(resource_spans.resource.attributes)
        for scope in resource_spans.scope_spans:
            for span in scope.spans:
                places = [
                    index
                    for index, attribute in enumerate(span.attributes)
                    if attribute.key == attributes.ATTESTATION_GRANT
                ]
                named -= len(places)
                for index in reversed(places):
                    token = span.attributes.pop(index).value.string_value
                    session = _session(span.attributes) or of_resource or span.trace_id.hex()
                    presented = Presented(session[:LONGEST_SESSION], token)
                    if presented not in seen:
                        seen.add(presented)
                        yield presented
                if named <= 0:
                    return


def _session(pairs: Iterable[KeyValue]) -> str:
    """As `decode.sql` finds it: the first of the name."""
    for pair in pairs:
        if pair.key == attributes.SESSION_ID:
            return pair.value.string_value
    return ""


def _ids(document: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Each place of a JSON request that holds a trace or span id."""
    for resource in objects(document, "resourceSpans"):
        for scope in objects(resource, "scopeSpans"):
            for span in objects(scope, "spans"):
                for holder in (span, *objects(span, "links")):
                    for key in ("traceId", "spanId", "parentSpanId"):
                        if holder.get(key) is not None:  # null is left to its default
                            yield holder, key


def objects(holder: Any, key: str) -> list[dict[str, Any]]:
    """The objects in a list of a JSON request."""
    if not isinstance(holder, dict):
        raise NotOtlp(f"`{key}` is looked for in something that is not an object")
    items: Any = cast("dict[str, Any]", holder).get(key) or []
    if not isinstance(items, list):
        raise NotOtlp(f"`{key}` is not a list")
    return cast("list[dict[str, Any]]", items)
