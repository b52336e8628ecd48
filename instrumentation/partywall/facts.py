"""Takes the facts from a span when it is exported, then leaves out what may not leave.

An ended span cannot be changed, so each is made anew: what it touched, the fingerprints of what was
passed and returned, without content and secrets. An HTTP request says what the tool call above it
touched; spans end from the inside out, so its facts wait here for the call.
"""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakMethod

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link
from opentelemetry.trace.status import Status
from opentelemetry.util.types import AttributeValue

from partywall import (
    _spans,
    attributes,
    conventions,
    datasets,
    fingerprints,
    identifiers,
    introductions,
    redaction,
    settings,
    tool_rules,
)
from partywall.datasets import Access, Touched
from partywall.fingerprint_keys import InForce, in_force
from partywall.tool_rules import Arguments, ToolRule

log = logging.getLogger("partywall")

WAITING: Final = 4_096
"""Spans whose facts may wait for the call above them; then the oldest are given up."""

Attributes = dict[str, AttributeValue]

_SPOKEN: Final = frozenset((*conventions.ARGUMENTS, *conventions.RESULT))
_INTRODUCTIONS: Final = frozenset(
    (attributes.ARGUMENT_TERMS, attributes.INTRODUCES, attributes.RECORD_TERMS)
)


class FactsExporter(SpanExporter):
    """Puts facts on spans and takes content off, then hands them to another exporter."""

    def __init__(self, exporter: SpanExporter, *, content: bool | None = None) -> None:
        self._exporter = exporter
        self._content = settings.CONTENT.flag() if content is None else content
        self._waiting: OrderedDict[tuple[int, int], Touched] = OrderedDict()
        self._lock = threading.Lock()
        self._failed = False
        self._resource: tuple[Resource, Resource] | None = None
        if hasattr(os, "register_at_fork"):
            after_fork = WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (call := after_fork()) and call())

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._for_export(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _after_fork(self) -> None:
        """A thread of the parent may have held the lock; what waits is exported there."""
        self._lock = threading.Lock()
        self._waiting.clear()

    def _for_export(self, span: ReadableSpan) -> ReadableSpan:
        before = _spans.said(span)
        said = dict(before)
        events: Sequence[Event] = ()
        accesses: tuple[Access, ...] = ()
        try:
            events = _spans.events(span)
            accesses = self._add_facts(span, said, events)
        except Exception:  # nothing of ours may break the agent
            said[attributes.VALUES_MISSING] = "error"
            self._say_once("the facts of span %r could not be taken (said once)", span.name)
        try:
            if not accesses and said == before and self._passes(span, said, events):
                return span
            return self._redacted(span, said, accesses)
        except Exception:  # what cannot be read is not let out as it is
            self._say_once("span %r could not be made anew: sent without content", span.name)
            own = {k: v for k, v in said.items() if k.startswith(attributes.NAMESPACE)}
            return _Copy(span, "", own, (), (), Status(span.status.status_code), span.resource)

    def _add_facts(
        self, span: ReadableSpan, said: Attributes, events: Sequence[Event]
    ) -> tuple[Access, ...]:
        """Add what is found to `said`; return the datasets that become events."""
        step = conventions.step(span.name, said)
        below = self._taken(span) if self._waiting else datasets.NOTHING
        if step in ("tool", "handoff"):
            arguments, result = _texts(said, events)
            rule = tool_rules.rule_of(conventions.tool_name(span.name, said))
            if arguments or result:
                writers = rule.writers if rule else introductions.NOBODY
                _add_values(said, arguments, result, None if self._content else writers)
            known = datasets.touched(said)
            ruled = _add_ruled(rule, said, arguments) if rule else ()
            accesses = known.accesses + below.accesses or ruled
            if not (accesses or below.host):
                return ()
            return _add_touched(said, events, Touched(accesses, below.host))
        if step in ("agent", "llm"):
            return ()  # what a model's client requests is no call of the agent
        known = datasets.touched(said)
        if known.accesses and not known.is_http:
            return _add_touched(said, events, known)
        self._wait(span, known if known.accesses else below)
        return ()

    def _passes(self, span: ReadableSpan, said: Attributes, events: Sequence[Event]) -> bool:
        """Whether a span may leave as it is; most do, and need not be made anew."""
        if span.status.description or not redaction.is_clean(span.name):
            return False
        resource, links = span.resource, _spans.links(span)
        return (
            redaction.passes(said, self._content)
            and self._clean(resource) is resource
            and (not events or all(map(self._event_passes, events)))
            and (not links or all(map(self._part_passes, links)))
        )

    def _event_passes(self, event: Event) -> bool:
        return redaction.is_clean(event.name) and self._part_passes(event)

    def _part_passes(self, part: Event | Link) -> bool:
        return redaction.passes(part.attributes or {}, self._content)

    def _wait(self, span: ReadableSpan, found: Touched) -> None:
        parent = span.parent
        if parent is None or not (found.accesses or found.host):
            return
        place = parent.trace_id, parent.span_id
        with self._lock:
            before = self._waiting.pop(place, datasets.NOTHING)
            accesses = tuple(dict.fromkeys(before.accesses + found.accesses))[: datasets.MOST]
            self._waiting[place] = Touched(accesses, before.host or found.host)
            if len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)

    def _taken(self, span: ReadableSpan) -> Touched:
        context = span.context
        if context is None:
            return datasets.NOTHING
        with self._lock:
            return self._waiting.pop((context.trace_id, context.span_id), datasets.NOTHING)

    def _redacted(
        self, span: ReadableSpan, said: Attributes, accesses: tuple[Access, ...]
    ) -> ReadableSpan:
        kept, dropped = redaction.kept(said, self._content)
        events: list[Event] = []
        for event in span.events:
            inside, out = redaction.kept(event.attributes or {}, self._content)
            events.append(Event(redaction.without_secrets(event.name), inside, event.timestamp))
            dropped += out
        links: list[Link] = []
        for link in span.links:
            inside, out = redaction.kept(link.attributes or {}, self._content)
            links.append(Link(link.context, inside))
            dropped += out
        events.extend(
            Event(
                attributes.DATASET_ACCESS,
                {
                    attributes.DATASET_ID: redaction.without_secrets(access.dataset),
                    attributes.DATASET_OPERATION: access.operation,
                },
                span.end_time,
            )
            for access in accesses
        )
        if dropped:
            kept[attributes.CONTENT_DROPPED] = dropped
        status = Status(
            span.status.status_code,
            redaction.description(span.status.description, self._content),
        )
        name = redaction.without_secrets(span.name)
        return _Copy(span, name, kept, events, links, status, self._clean(span.resource))

    def _clean(self, resource: Resource) -> Resource:
        known = self._resource
        if known is None or known[0] is not resource:
            clean = resource
            if not redaction.passes(resource.attributes, self._content):
                kept, _dropped = redaction.kept(resource.attributes, self._content)
                clean = Resource(kept, resource.schema_url)
            known = self._resource = resource, clean
        return known[1]

    def _say_once(self, message: str, name: str) -> None:
        if not self._failed:
            self._failed = True
            log.exception(message, name)


def add_values(
    said: Attributes, direction: str, values: fingerprints.Values, keys: InForce
) -> None:
    """Put the fingerprints of one direction on a span, and what is missing of them."""
    if values.numbers:
        said[direction] = values.numbers
        said[attributes.VALUES_EPOCH] = keys.epochs
    if values.dropped:
        before = said.get(attributes.VALUES_DROPPED, 0)
        said[attributes.VALUES_DROPPED] = values.dropped + (before if type(before) is int else 0)
    if values.cut:
        said[attributes.VALUES_MISSING] = "too long"
    elif identifiers.in_force().missing:
        said.setdefault(attributes.VALUES_MISSING, "bad kinds")


def _texts(said: Attributes, events: Sequence[Event]) -> tuple[str, str]:
    """What was passed to a call, and what it returned."""
    if not events and _SPOKEN.isdisjoint(said):
        return "", ""
    return (
        conventions.first(said, conventions.ARGUMENTS)
        or _in_events(events, conventions.ARGUMENT_EVENTS),
        conventions.first(said, conventions.RESULT)
        or _in_events(events, conventions.RESULT_EVENTS),
    )


def _in_events(events: Sequence[Event], names: tuple[tuple[str, str], ...]) -> str:
    for name, attribute in names:
        for event in events:
            if event.name == name:
                return conventions.first(event.attributes or {}, (attribute,))
    return ""


def _add_values(
    said: Attributes, arguments: str, result: str, writers: introductions.Writers | None
) -> None:
    """Put on a span what is told by its texts, unless it says so itself.

    `writers` are those of the result's fields. Where content is sent, there are none: the collector
    takes whom the result brings in.
    """
    takes_in = arguments and attributes.VALUES_IN not in said
    takes_out = result and attributes.VALUES_OUT not in said
    if not said.keys().isdisjoint(_INTRODUCTIONS):
        writers = None
    if not (takes_in or takes_out or writers is not None):
        return
    keys = in_force()
    if isinstance(keys, str):
        if takes_in or takes_out:
            said[attributes.VALUES_MISSING] = keys
        return
    if takes_in:
        values = fingerprints.of_arguments(keys.arguments, arguments)
        add_values(said, attributes.VALUES_IN, values, keys)
    if takes_out:
        values = fingerprints.of_text((keys.results,), result)
        add_values(said, attributes.VALUES_OUT, values, keys)
    if writers is not None:
        secret, words = keys.results.secret, _unwrapped(arguments)
        said |= introductions.argument_facts(secret, words)
        said |= introductions.result_facts(secret, words, result, writers)
        said[attributes.VALUES_EPOCH] = keys.epochs


def _unwrapped(arguments: str) -> str:
    return conventions.unwrapped(arguments[: fingerprints.LONGEST])


def _add_ruled(rule: ToolRule, said: Attributes, text: str) -> tuple[Access, ...]:
    """Put what the rule of its tool says on a span that does not; return the datasets."""
    arguments = Arguments(_unwrapped(text))
    operation = conventions.first(said, conventions.OPERATION)
    if not operation and (operation := rule.done(arguments)):
        said[attributes.OPERATION] = operation
    if attributes.PARTY_ID not in said and (parties := rule.parties(arguments)):
        said[attributes.PARTY_ID] = parties[0] if len(parties) == 1 else parties
        said[attributes.PARTY_KIND] = rule.party_kind
    return rule.accesses(arguments, operation)


def _add_touched(said: Attributes, events: Sequence[Event], found: Touched) -> tuple[Access, ...]:
    """Put datasets and the party on the span, unless it says them itself."""
    if found.host and attributes.PARTY_ID not in said:
        said[attributes.PARTY_ID] = found.host
        said[attributes.PARTY_KIND] = "url"
    is_said = attributes.DATASET_ID in said or any(
        event.name == attributes.DATASET_ACCESS for event in events
    )
    if is_said or not found.accesses:
        return ()
    first_access, *others = dict.fromkeys(found.accesses)
    said[attributes.DATASET_ID] = first_access.dataset
    said[attributes.DATASET_OPERATION] = first_access.operation
    return tuple(others)


class _Copy(ReadableSpan):
    """A span made anew; it still tells how much the SDK had to drop from the first one."""

    def __init__(
        self,
        span: ReadableSpan,
        name: str,
        said: Mapping[str, AttributeValue],
        events: Sequence[Event],
        links: Sequence[Link],
        status: Status,
        resource: Resource,
    ) -> None:
        super().__init__(
            name=name,
            context=span.context,
            parent=span.parent,
            resource=resource,
            attributes=said,
            events=events,
            links=links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
        self._counts = span.dropped_attributes, span.dropped_events, span.dropped_links

    @property
    def dropped_attributes(self) -> int:
        return self._counts[0]

    @property
    def dropped_events(self) -> int:
        return self._counts[1]

    @property
    def dropped_links(self) -> int:
        return self._counts[2]
