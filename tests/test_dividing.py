"""A request is parted between its spans, and nothing of it is lost or in both parts."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_collector.dividing import halves
from partywall_collector.envelope import Envelope

SIZES = st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=4)
"""How many spans each scope of each resource has."""


def request(sizes: list[list[int]]) -> ExportTraceServiceRequest:
    """Resources, scopes and spans that can all be told apart."""
    names = map(str, count())
    made = ExportTraceServiceRequest()
    for scopes in sizes:
        resource = made.resource_spans.add(schema_url=next(names))
        resource.resource.attributes.add(key=next(names))
        for spans in scopes:
            scope = resource.scope_spans.add(schema_url=next(names))
            scope.scope.name = next(names)
            for _ in range(spans):
                scope.spans.add(name=next(names))
    return made


def spans(request: ExportTraceServiceRequest) -> list[tuple[str, ...]]:
    """Each span with all that stands around it."""
    return [
        (
            resource.schema_url,
            resource.resource.SerializeToString().hex(),
            scope.schema_url,
            scope.scope.name,
            span.name,
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@given(sizes=SIZES)
def test_the_halves_have_the_spans_of_the_whole_in_their_order(sizes: list[list[int]]) -> None:
    """Each in its resource and scope, a resource once a half; one span is not parted."""
    whole = request(sizes)
    parts = halves(Envelope("agents", ("acme",), "A1", 7, whole.SerializeToString()), 9)
    if len(spans(whole)) < 2:
        assert not parts
        return
    read = [ExportTraceServiceRequest.FromString(part.request) for part in parts]
    assert spans(read[0]) + spans(read[1]) == spans(whole)
    assert abs(len(spans(read[0])) - len(spans(read[1]))) <= 1
    assert all(len(half.resource_spans) <= len(whole.resource_spans) for half in read)


def test_each_half_is_an_envelope_of_its_own() -> None:
    """The sender's, with the digest of its body and a time that no other has."""
    whole = Envelope("agents", ("acme",), "A1", 7, request([[2]]).SerializeToString())
    first, second = halves(whole, 9)
    assert (first.received_at, second.received_at) == (7, 9)
    assert {first.principal, second.principal} == {"agents"}
    assert len({whole.sha256, first.sha256, second.sha256}) == 3


def test_what_is_no_request_is_not_parted() -> None:
    """It goes to quarantine as it is."""
    assert not halves(Envelope("agents", ("acme",), "A1", 7, b"\xff\xff"), 9)
