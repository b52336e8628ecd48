"""A request in two halves, each an envelope of its own: parts are loaded where the whole is not."""

from collections.abc import Iterator
from dataclasses import replace

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from partywall_collector.envelope import Envelope


def halves(whole: Envelope, stamp: int) -> list[Envelope]:
    """Two envelopes with the spans of one; none where it has a single span.

    The first keeps the time; the second gets `stamp`, for a time names one envelope of a spool.
    Each has the digest of its own body.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(whole.request)
    except DecodeError:
        return []
    spans = sum(len(scope.spans) for scope in _scopes(request))
    if spans < 2:
        return []
    middle = spans // 2
    first, second = _between(request, 0, middle), _between(request, middle, spans)
    return [
        replace(whole, request=first, sha256=b""),
        replace(whole, request=second, sha256=b"", received_at=stamp),
    ]


def _scopes(request: ExportTraceServiceRequest) -> Iterator[ScopeSpans]:
    for resource in request.resource_spans:
        yield from resource.scope_spans


def _between(whole: ExportTraceServiceRequest, first: int, last: int) -> bytes:
    """The spans from the first to before the last, each in its resource and scope."""
    part = ExportTraceServiceRequest()
    at = 0
    for resource in whole.resource_spans:
        within = None
        for scope in resource.scope_spans:
            some = scope.spans[max(first - at, 0) : max(last - at, 0)]
            at += len(scope.spans)
            if not some:
                continue
            if within is None:
                within = part.resource_spans.add(schema_url=resource.schema_url)
                if resource.HasField("resource"):
                    within.resource.CopyFrom(resource.resource)
            beside = within.scope_spans.add(schema_url=scope.schema_url)
            if scope.HasField("scope"):
                beside.scope.CopyFrom(scope.scope)
            beside.spans.extend(some)
    return part.SerializeToString()
