"""Puts the session's facts on every span when it starts.

At its start most tool spans cannot be told from others, so every span is stamped. The session is
taken from the context that the span is started in; where that has none, from the parent span's own
attributes; a span that finds neither is left unbound, counted, and warned about once.
"""

import logging
import threading
from typing import cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from partywall import attributes
from partywall.sessions import STAMPED, current_session

log = logging.getLogger("partywall")


class SessionProcessor(SpanProcessor):
    """Stamps spans; `instrument` adds one to the tracer provider."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unbound = 0

    @property
    def unbound(self) -> int:
        """How many spans so far have no tenant."""
        return self._unbound

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if session := current_session(parent_context):
            span.set_attributes(session.attributes)
        elif inherited := _inherited(parent_context):
            span.set_attributes(inherited)
        elif parent_context is not None and (session := current_session()):
            # Started in a context made from nothing (a remote parent): what we run in still holds.
            span.set_attributes(session.attributes)
        elif not _has_tenant(span):
            self._count(
                "span %r started outside partywall.session(...): it carries no tenant, and a "
                "collector puts it in quarantine (further ones are counted, not logged)",
                span.name,
            )

    def on_end(self, span: ReadableSpan) -> None:
        # The SDK drops the oldest attributes of a span that has too many, and ours are the oldest.
        if span.dropped_attributes and not _has_tenant(span):
            self._count(
                "span %r has lost its tenant among too many attributes: "
                "raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT (further ones are counted, not logged)",
                span.name,
            )

    def shutdown(self) -> None:
        if self._unbound:
            log.warning(
                "%d spans carry no tenant: they were made outside partywall.session(...)",
                self._unbound,
            )

    def _count(self, message: str, name: str) -> None:
        with self._lock:
            self._unbound += 1
            count = self._unbound
        if count == 1:
            log.warning(message, name)


def _inherited(context: Context | None) -> dict[str, str]:
    parent = trace.get_current_span(context)
    if not isinstance(parent, ReadableSpan):
        return {}
    known = parent.attributes or {}
    if attributes.TENANT_ID not in known:
        return {}
    stamp = {name: cast(str, known[name]) for name in STAMPED if name in known}
    stamp[attributes.TENANT_SOURCE] = "parent"
    return stamp


def _has_tenant(span: ReadableSpan) -> bool:
    return attributes.TENANT_ID in (span.attributes or {}) or (
        attributes.TENANT_ID in span.resource.attributes
    )
