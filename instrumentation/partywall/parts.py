"""Parts of sessions: the spans of each are numbered, and its end is recorded with their count.

A part is one stretch of a session in one process. A reader who holds the close record knows how
many spans there must be, and sees which are missing. A fork begins a new part in the child, so no
number is given twice.
"""

import atexit
import logging
import os
import threading
import uuid
from collections import deque
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakValueDictionary

from opentelemetry import trace

from partywall import attributes

if TYPE_CHECKING:
    from partywall.sessions import Session

Reason = Literal["completed", "error", "cancelled", "process exit", "idle"]

log = logging.getLogger("partywall")
_tracer = trace.get_tracer("partywall")


class Part:
    """Numbers the spans of one session in this process."""

    __slots__ = ("_lock", "closed", "id", "spans")

    def __init__(self) -> None:
        self.closed = False
        self.renew()

    def renew(self) -> None:
        """Begin anew: what a forked child does with what it inherited."""
        self._lock = threading.Lock()
        self.id = uuid.uuid4().hex
        self.spans = 0

    def number(self) -> int:
        """The number of the span that starts now."""
        with self._lock:
            self.spans += 1
            return self.spans

    def close(self) -> bool:
        """Whether it was open until now."""
        with self._lock:
            was_open = not self.closed
            self.closed = True
            return was_open


_open: Final[dict[Part, "Session"]] = {}
_known: Final[WeakValueDictionary[str, "Session"]] = WeakValueDictionary()
"""Sessions that something here still holds, by the id of their part."""
_recent: Final[deque["Session"]] = deque(maxlen=1024)
"""Sessions that ended not long ago: work that outlives its session is still numbered."""


def opened(session: "Session") -> None:
    """Take the session into the books."""
    _known[session.part.id] = session
    _open[session.part] = session


def known(part_id: object) -> "Session | None":
    """The session of this process whose part that is."""
    return _known.get(part_id) if isinstance(part_id, str) else None


def tenants_of(session_id: str) -> set[str]:
    """The tenants of the sessions with that id that were opened here and are open now."""
    return {
        session.tenant
        for session in list(_open.values())
        if session.id == session_id and session.source == "session"
    }


def record_request(session: "Session") -> None:
    """Record what the request of a session asks for, if its text was given."""
    if not session.asked:
        return
    try:
        span = _tracer.start_span(attributes.SESSION_OPENED, context=session.context())
        span.set_attributes(session.asked)
        span.end()
    except Exception:  # nothing of ours may break the agent
        log.exception("the request of session %s could not be recorded", session.id)


def close(session: "Session", reason: Reason) -> None:
    """Record the end of a session; one that has no span leaves no record."""
    part = session.part
    _open.pop(part, None)
    _recent.append(session)
    if not part.close() or not part.spans:
        return
    try:
        span = _tracer.start_span(attributes.SESSION_CLOSE, context=session.context())
        span.set_attribute(attributes.SESSION_SPANS, part.spans)
        span.set_attribute(attributes.SESSION_CLOSED, reason)
        span.end()
    except Exception:  # the agent's own work is done, and must not fail on our record of it
        log.exception("the end of session %s could not be recorded", session.id)


def close_left_open() -> None:
    """Record the end of every session that is still open when the process exits."""
    for session in list(_open.values()):
        close(session, "process exit")


def close_at_exit() -> None:
    """Run `close_left_open` at exit, before the providers that exist now shut down."""
    atexit.unregister(close_left_open)
    atexit.register(close_left_open)


def _in_child() -> None:
    for session in list(_known.values()):
        session.part.renew()
        _known[session.part.id] = session


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)
