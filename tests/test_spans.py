"""Spans are read and stamped in one step with the result that the SDK's own way has."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext

from partywall import _spans, attributes, redaction
from partywall.facts import FactsExporter

FACTS = {
    "partywall.tenant.id": "acme",
    "partywall.actor.chain": ("a", "b"),
    "partywall.session.sequence": 1,
}
LINK = Link(SpanContext(1, 2, is_remote=False), {"why": "batch"})


def ended(limits: SpanLimits | None = None, stamped: bool = True, **more: Any) -> ReadableSpan:
    """A span that was stamped in one step, or by the SDK's own method."""
    tracer = TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("test")
    span: Any = tracer.start_span("step", attributes={"first": 1, "second": 2, "third": 3}, **more)
    if stamped:
        _spans.stamp(span, FACTS)
    else:
        span.set_attributes(FACTS)
    span.end()
    return span


@pytest.mark.parametrize(
    "limits",
    [
        None,
        SpanLimits(max_span_attributes=4),
        SpanLimits(max_span_attributes=0),
        SpanLimits(max_span_attribute_length=2),
    ],
)
def test_a_stamp_leaves_what_the_sdk_would_leave(limits: SpanLimits | None) -> None:
    """Also where attributes are few or short by the limits of the provider."""
    ours, theirs = ended(limits), ended(limits, stamped=False)
    assert dict(ours.attributes or {}) == dict(theirs.attributes or {})
    assert ours.dropped_attributes == theirs.dropped_attributes


def test_a_span_is_read_as_its_public_properties_read_it() -> None:
    """The SDK's span, one with links and events, and one that somebody made otherwise."""
    eventful: Any = ended(links=[LINK])
    made = ReadableSpan("made", attributes={"a": 1}, events=eventful.events, links=[LINK])
    for span in (ended(), eventful, made, ReadableSpan("nothing")):
        assert dict(_spans.said(span)) == dict(span.attributes or {})
        assert tuple(_spans.events(span)) == tuple(span.events)
        assert tuple(_spans.links(span)) == tuple(span.links)


VALUES = st.one_of(
    st.sampled_from(("acme", "call-1", "Bearer 0123456789abcdef", "x" * 70_000, "sk-" + "a1" * 9)),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.binary(max_size=4),
    st.lists(st.sampled_from(("a", "AKIAABCDEFGHIJKLMNOP")), max_size=2).map(tuple),
    st.dictionaries(st.just("k"), st.text(max_size=3), max_size=1),
)
NAMES = st.sampled_from(
    ("gen_ai.tool.name", "x", "my.api_key", "gen_ai.prompt", attributes.VALUES_IN, "input.value")
)


@given(st.dictionaries(NAMES, VALUES), st.booleans())
def test_what_passes_would_be_kept_as_it_is(said: dict[str, Any], content: bool) -> None:
    """Nothing leaves by the short way that would have been masked or left out."""
    if redaction.passes(said, content):
        kept, dropped = redaction.kept(said, content)
        assert json.dumps(kept, default=str) == json.dumps(said, default=str)
        assert dropped == 0


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read"}, True),
        ({attributes.VALUES_IN: ("12", "34"), "n": 1, "actors": ["a", "b"]}, True),
        ({"note": "Bearer 0123456789abcdef"}, False),
        ({"my.api_key": "x"}, False),
        ({"gen_ai.prompt": "x"}, False),
        ({"db.system.name": "postgresql", "server.address": "crm", "db.namespace": "a"}, False),
    ],
)
def test_a_span_is_made_anew_only_where_something_changes(said: dict[str, Any], same: bool) -> None:
    """Most spans leave as they came."""
    memory, exported = InMemorySpanExporter(), InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.add_span_processor(SimpleSpanProcessor(FactsExporter(exported)))
    provider.get_tracer("test").start_span("step", attributes=said).end()
    (before,), (after,) = memory.get_finished_spans(), exported.get_finished_spans()
    assert (after is before) == same
