"""What was exported: the facts of a span, its events, and the spans since the last look."""

from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from partywall import attributes


def facts(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span."""
    return dict(span.attributes or {})


def fact(span: ReadableSpan, name: str) -> Any:
    """One attribute of a span; None where it is missing."""
    return facts(span).get(name)


def taken(memory: InMemorySpanExporter) -> list[dict[str, Any]]:
    """The attributes of what was exported, with the name, in order of their numbers."""
    found = [facts(span) | {"name": span.name} for span in memory.get_finished_spans()]
    memory.clear()
    return sorted(found, key=lambda said: said.get(attributes.SESSION_SEQUENCE, 0))


def named(memory: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    """The spans of a name."""
    return [span for span in memory.get_finished_spans() if span.name == name]


def events(memory: InMemorySpanExporter) -> list[Event]:
    """Our own events, of all spans."""
    return [
        event
        for span in memory.get_finished_spans()
        for event in span.events
        if event.name.startswith(attributes.NAMESPACE)
    ]


def event(memory: InMemorySpanExporter, name: str) -> dict[str, Any]:
    """The attributes of the one event of a name."""
    (found,) = [event for event in events(memory) if event.name == name]
    return dict(found.attributes or {})


def event_names(memory: InMemorySpanExporter) -> list[str]:
    """The names of our own events."""
    return [event.name for event in events(memory)]


class Spans:
    """What was exported since the last look, but for the close records of sessions."""

    def __init__(self, memory: InMemorySpanExporter) -> None:
        self._memory = memory

    def take(self) -> list[ReadableSpan]:
        """All of them; the next look begins after them."""
        found = self._memory.get_finished_spans()
        self._memory.clear()
        return [span for span in found if span.name != attributes.SESSION_CLOSE]

    def one(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.take()
        return span

    def tenants(self) -> list[object]:
        """The tenant of each."""
        return [fact(span, attributes.TENANT_ID) for span in self.take()]
