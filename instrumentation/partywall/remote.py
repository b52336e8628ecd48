"""Sessions that came from another process, and the form in which one goes there.

The form is flat text under the attribute names, the same for baggage, subprocesses and jobs of a
process pool. Nothing here decides whom to believe.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from partywall import attributes as a
from partywall import parts, settings
from partywall.sessions import LONGEST_CHAIN, Session

KEPT: Final = 1024
"""So many sessions of other processes are kept; the one that was idle longest goes."""

_adopted: Final[OrderedDict[tuple[str, ...], Session]] = OrderedDict()
_lock: Final = threading.Lock()

_TEXTS: Final[Mapping[str, str]] = {
    a.TENANT_ID: "tenant",
    a.SESSION_ID: "id",
    a.RUN_ID: "run",
    a.REQUEST_ID: "request",
    a.IDENTITY_ID: "identity",
    a.SUBJECT_ID: "on_behalf_of",
    a.CREDENTIAL_ID: "credential",
    a.APPROVAL_ID: "approval",
    a.AGENT_NAME: "agent",
    a.SESSION_GRANT: "grant",
}


def wire(session: Session) -> dict[str, str]:
    """What another process needs to work in the same session."""
    said: dict[str, str] = {name: getattr(session, member) for name, member in _TEXTS.items()}
    said[a.ACTOR_CHAIN] = settings.joined(session.actors)
    said[a.SESSION_PART] = session.part.id
    return {name: text for name, text in said.items() if text}


def adopt(said: Mapping[str, str]) -> Session | None:
    """The session that `wire` described: our own if it is of this process; none without a tenant.

    The same description gives the same session, so its spans here are numbered in one row.
    """
    facts: dict[str, Any] = {member: said.get(name, "").strip() for name, member in _TEXTS.items()}
    if not facts["tenant"]:
        return None
    own = parts.known(said.get(a.SESSION_PART))
    if own is not None and own.tenant == facts["tenant"]:
        return own
    chain = settings.split(said.get(a.ACTOR_CHAIN, ""))[:LONGEST_CHAIN]
    key = (*facts.values(), *chain)
    with _lock:
        session = _adopted.get(key)
        if session is None:
            facts["id"] = facts["id"] or uuid.uuid4().hex
            facts["run"] = facts["run"] or uuid.uuid4().hex
            session = _adopted[key] = Session(**facts, actors=chain, source="baggage")
            parts.opened(session)
        _adopted.move_to_end(key)
        idle = _adopted.popitem(last=False)[1] if len(_adopted) > KEPT else None
    if idle is not None:
        parts.close(idle, "idle")
    return session
