"""Sends each session's grant along with its spans: on one span of the session in each batch.

A grant is not stamped like the other facts: it would be on every span, and in every log that shows
one. A batch is checked by itself, so a collector needs no memory and the order does not matter.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from partywall import attributes
from partywall.errors import GrantError
from partywall.grants import read

log = logging.getLogger("partywall")

KEPT: Final = 4096
"""Sessions whose grants are held, also after their end; the oldest go first."""

_held: Final[OrderedDict[str, tuple[str, int]]] = OrderedDict()
_lock: Final = threading.Lock()


def carry(session_id: str, token: str) -> None:
    """Hold the grant of a session for its spans; one that nobody could read is logged and left."""
    try:
        expires = read(token).expires
    except GrantError as error:
        log.warning("the grant of session %s is not sent: %s", session_id, error)
        return
    with _lock:
        _held[session_id] = token, expires
        _held.move_to_end(session_id)
        if len(_held) > KEPT:
            _held.popitem(last=False)


def carried(spans: Sequence[ReadableSpan]) -> Sequence[ReadableSpan]:
    """The spans, the first of each session with the session's grant if that is still good."""
    if not _held:
        return spans
    now = time.time()
    seen: set[object] = set()
    found: list[ReadableSpan] = list(spans)
    for index, span in enumerate(spans):
        session = (span.attributes or {}).get(attributes.SESSION_ID)
        if session in seen or not isinstance(session, str):
            continue
        seen.add(session)
        token, expires = _held.get(session, ("", 0))
        if now < expires:
            found[index] = _with_grant(span, token)
    return found


def _with_grant(span: ReadableSpan, token: str) -> ReadableSpan:
    changed = copy(span)
    said = {**(span.attributes or {}), attributes.ATTESTATION_GRANT: token}
    bounded = BoundedAttributes(attributes=said, immutable=True)
    bounded.dropped = span.dropped_attributes
    changed._attributes = bounded  # pyright: ignore[reportPrivateUsage] # a span has no setter
    return changed


class CarryingExporter(SpanExporter):
    """An exporter whose batches carry the grants of their sessions."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        # The SDK looks at the arguments that these take.
        self.shutdown = inner.shutdown
        self.force_flush = inner.force_flush

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            spans = carried(spans)
        except Exception:  # nothing of ours may keep spans from being sent
            log.exception("the grants of a batch could not be added")
        return self._inner.export(spans)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


Wrap = Callable[[SpanExporter], SpanExporter]


def wrap_exporters(provider: TracerProvider, wrap: Wrap) -> None:
    """Wrap every exporter of the provider, also those that are added later."""
    active: Any = getattr(provider, "_active_span_processor", None)
    for processor in getattr(active, "_span_processors", ()):
        _wrap_exporter(processor, wrap)
    add = provider.add_span_processor

    def add_span_processor(span_processor: SpanProcessor) -> None:
        _wrap_exporter(span_processor, wrap)
        add(span_processor)

    provider.add_span_processor = add_span_processor


def _wrap_exporter(processor: SpanProcessor, wrap: Wrap) -> None:
    if isinstance(processor, BatchSpanProcessor):
        holder, name = getattr(processor, "_batch_processor", None), "_exporter"
    elif isinstance(processor, SimpleSpanProcessor):
        holder, name = processor, "span_exporter"
    else:
        return
    inner = getattr(holder, name, None)
    if isinstance(inner, SpanExporter):
        setattr(holder, name, wrap(inner))
