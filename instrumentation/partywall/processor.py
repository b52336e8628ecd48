"""Puts the session's facts on every span when it starts.

At its start most tool spans cannot be told from others, so every span is stamped. The session is
taken from the context that the span is started in; where that has none, from the parent span; then
from what the code runs in, and from the environment. A span that finds none is marked unbound,
counted, and warned about once.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.util.types import AttributeValue

from partywall import _spans, attributes, parts
from partywall.sessions import STAMPED, current_session, session_in, session_of

log = logging.getLogger("partywall")

UNBOUND: Final = "unbound"
"""What stands for the source of the tenant on a span that has none."""


class SessionProcessor(SpanProcessor):
    """Stamps spans; `instrument` adds one to the tracer provider."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unbound = 0
        self._changed = 0
        self._failed = False
        parts.close_at_exit()

    @property
    def unbound(self) -> int:
        """How many spans so far have no tenant."""
        return self._unbound

    @property
    def changed(self) -> int:
        """How many spans so far were given another tenant than that of their session."""
        return self._changed

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            self._bind(span, parent_context)
        except Exception:  # nothing of ours may break the agent
            span.set_attribute(attributes.TENANT_SOURCE, UNBOUND)
            self._fail(span.name)

    def on_end(self, span: ReadableSpan) -> None:
        try:
            self._check(span)
        except Exception:  # as above
            self._fail(span.name)

    def shutdown(self) -> None:
        if self._unbound:
            log.warning(
                "%s no tenant: made outside partywall.session(...)",
                "1 span carries" if self._unbound == 1 else f"{self._unbound} spans carry",
            )

    def _bind(self, span: Span, context: Context | None) -> None:
        if session := session_in(context):
            _spans.stamp(span, session.stamp())
            return
        parent = trace.get_current_span(context)
        if session := session_of(parent, context):
            span.set_attributes(session.stamp() | {attributes.TENANT_SOURCE: "parent"})
        elif inherited := _inherited(parent):
            span.set_attributes(inherited)
        elif session := current_session():
            # The context was made from nothing (a remote parent): what we run in still holds.
            span.set_attributes(session.stamp())
        elif not _has_tenant(span):
            span.set_attribute(attributes.TENANT_SOURCE, UNBOUND)
            self._count(
                "span %r started outside partywall.session(...): it carries no tenant, and a "
                "collector puts it in quarantine (further ones are counted, not logged)",
                span.name,
            )

    def _check(self, span: ReadableSpan) -> None:
        said = _spans.said(span)
        # The SDK drops the oldest attributes of a span that has too many, and ours are the oldest.
        if attributes.TENANT_ID not in said and span.dropped_attributes and not _has_tenant(span):
            self._count(
                "span %r has lost its tenant among too many attributes: "
                "raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT (further ones are counted, not logged)",
                span.name,
            )
        elif _keep_tenant(span, said):
            self._changed += 1
            if self._changed == 1:
                log.warning(
                    "span %r was given another tenant in the middle of its session, which is "
                    "refused: open another partywall.session(...) (said once)",
                    span.name,
                )

    def _fail(self, name: str) -> None:
        if not self._failed:
            self._failed = True
            log.exception("the binding of span %r failed (said once)", name)

    def _count(self, message: str, name: str) -> None:
        with self._lock:
            self._unbound += 1
            count = self._unbound
        if count == 1:
            log.warning(message, name)


def _keep_tenant(span: ReadableSpan, said: Mapping[str, AttributeValue]) -> bool:
    """Put the session's tenant back where somebody wrote another over it; whether that was so."""
    session = parts.known(said.get(attributes.SESSION_PART))
    if session is None or said.get(attributes.TENANT_ID) == session.tenant:
        return False
    kept = BoundedAttributes(attributes={**said, attributes.TENANT_ID: session.tenant})
    kept.dropped = span.dropped_attributes
    span._attributes = kept  # pyright: ignore[reportPrivateUsage]: an ended span has no setter
    return True


def _inherited(parent: trace.Span) -> dict[str, AttributeValue]:
    """What the attributes of the parent say, where its session is no longer known here."""
    if not isinstance(parent, ReadableSpan):
        return {}
    said = parent.attributes or {}
    if attributes.TENANT_ID not in said or parts.known(said.get(attributes.SESSION_PART)):
        return {}
    stamp = {name: said[name] for name in STAMPED if name in said}
    stamp[attributes.TENANT_SOURCE] = "parent"
    return stamp


def _has_tenant(span: ReadableSpan) -> bool:
    return attributes.TENANT_ID in (span.attributes or {}) or (
        attributes.TENANT_ID in span.resource.attributes
    )
