"""What a session relies on inside a block: an approval beside its other facts, and its record.

The record is an event on the session's own current span, or a span of its own where none is open.
"""

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from partywall import attributes
from partywall.errors import BindingError
from partywall.sessions import Binding, Session, current_session, session_of

log = logging.getLogger("partywall")
_tracer = trace.get_tracer("partywall")

LONGEST_ID: Final = 512


def approval(id: str, *, approver: str | None = None) -> Binding:
    """Rely on an approval inside the block: `with`, `async with`, or a decorator.

    `id` is its number where it was decided, `approver` who decided. Every span inside carries the
    id, and `partywall.approval.used` is recorded once for the block. Whether the approval covers
    what was done is for the collector's registry to say, not for the agent.
    """
    if not is_text(id) or not id.strip():
        raise BindingError(
            "the approval's id is empty: partywall.approval('CHG-1') names what was decided"
        )
    if approver is not None and not is_text(approver):
        raise BindingError(
            "approver is no string: partywall.approval('CHG-1', approver='p.h@acme')"
        )
    facts: dict[str, AttributeValue] = {attributes.APPROVAL_ID: id[:LONGEST_ID]}
    if approver:
        facts[attributes.APPROVAL_APPROVER] = approver[:LONGEST_ID]

    @contextmanager
    def begin() -> Generator[Context]:
        outer = open_session("approval")
        inner = outer.relying(
            approval=id[:LONGEST_ID],
            credential=outer.credential,
            credential_expires=outer.credential_expires,
        )
        record(inner, attributes.APPROVAL_USED, facts)
        yield inner.context()

    return Binding(begin)


def open_session(what: str) -> Session:
    """The session that is open here; `what` needs one."""
    session = current_session()
    if session is None:
        raise BindingError(
            f"partywall.{what}(...) outside a session: open partywall.session(tenant=...) around it"
        )
    return session


def record(session: Session, name: str, facts: Mapping[str, AttributeValue]) -> None:
    """Add an event to the current span if it is the session's, else to a span of its own."""
    try:
        span = trace.get_current_span()
        own = session_of(span)
        if span.is_recording() and own is not None and own.part is session.part:
            span.add_event(name, facts)
            return
        span = _tracer.start_span(name, context=session.context())
        span.add_event(name, facts)
        span.end()
    except Exception:  # nothing of ours may break the agent
        log.exception("%s could not be recorded", name)


def is_text(value: object) -> bool:
    """Whether it is a string, for callers without types."""
    return isinstance(value, str)
