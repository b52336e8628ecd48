"""Sessions: which tenant, request and identity everything inside a block is done for.

The session lives in OpenTelemetry's own context (a context variable), so it follows `await`, tasks
and `asyncio.to_thread` as the current span does, and travels with a context that is passed on.
"""

import threading
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import Token
from dataclasses import dataclass, field, replace
from functools import cache
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from partywall import attributes, grants, parts, settings
from partywall._wrap import wrap
from partywall.asked import facts_of
from partywall.carrying import carry
from partywall.errors import BindingError
from partywall.parts import Part, Reason

P = ParamSpec("P")
R = TypeVar("R")

KEY: Final = context_api.create_key("partywall-session")

THREAD: Final = context_api.create_key("partywall-thread")
"""The session that a thread was started in: it binds the thread for as long as it is open."""

LONGEST_CHAIN: Final = 16
"""An actor chain is cut here: the claims of a token can nest without end."""

_tracer = trace.get_tracer("partywall")


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Session:
    """One agent run bound to a tenant; nobody can change it while it is open."""

    tenant: str
    request: str = ""
    identity: str = ""
    on_behalf_of: str = ""
    actors: tuple[str, ...] = ()
    """The identities that act for one another, the current one first."""
    credential: str = ""
    credential_expires: int = 0
    """When the credential ends, in unix milliseconds, where that is known."""
    approval: str = ""
    agent: str = ""
    grant: str = ""
    """A signed session grant: sent along to other processes, not put on spans."""
    id: str
    run: str
    source: str = "session"
    """Where the binding came from: `session`, `baggage` or `env`."""
    asked: Mapping[str, AttributeValue] = field(
        default_factory=dict[str, AttributeValue], repr=False, compare=False
    )
    """What the request asks for, where its text was given: recorded once, not put on spans."""
    part: Part = field(default_factory=Part, init=False, repr=False, compare=False)
    attributes: Mapping[str, AttributeValue] = field(init=False, repr=False, compare=False)
    """What every span of the session carries."""

    def __post_init__(self) -> None:
        facts: dict[str, AttributeValue] = {
            attributes.TENANT_ID: self.tenant,
            attributes.TENANT_SOURCE: self.source,
            attributes.SESSION_ID: self.id,
            attributes.RUN_ID: self.run,
            attributes.REQUEST_ID: self.request,
            attributes.IDENTITY_ID: self.identity,
            attributes.SUBJECT_ID: self.on_behalf_of,
            attributes.ACTOR_CHAIN: self.actors,
            attributes.CREDENTIAL_ID: self.credential,
            attributes.CREDENTIAL_EXPIRES: self.credential_expires,
            attributes.APPROVAL_ID: self.approval,
            attributes.AGENT_NAME: self.agent,
        }
        stamp = {name: value for name, value in facts.items() if value}
        object.__setattr__(self, "attributes", stamp)
        if self.grant:
            carry(self.id, self.grant)

    def stamp(self) -> dict[str, AttributeValue]:
        """What the next span of the session carries: the facts and its number."""
        part = self.part
        return {
            **self.attributes,
            attributes.SESSION_PART: part.id,
            attributes.SESSION_SEQUENCE: part.number(),
        }

    def relying(self, *, approval: str, credential: str, credential_expires: int) -> "Session":
        """This same session where it relies on another approval or credential."""
        same = replace(
            self, approval=approval, credential=credential, credential_expires=credential_expires
        )
        object.__setattr__(same, "part", self.part)
        return same

    def context(self) -> Context:
        """The current context with this session in it."""
        return context_api.set_value(KEY, self)


STAMPED: Final = frozenset(
    (
        attributes.TENANT_ID,
        attributes.SESSION_ID,
        attributes.RUN_ID,
        attributes.REQUEST_ID,
        attributes.IDENTITY_ID,
        attributes.SUBJECT_ID,
        attributes.ACTOR_CHAIN,
        attributes.CREDENTIAL_ID,
        attributes.CREDENTIAL_EXPIRES,
        attributes.APPROVAL_ID,
    )
)
"""What a span passes on to its children where the session itself was lost on the way."""


class Binding:
    """What `session(...)` returns: a context manager (plain or async) and a decorator."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Context]]) -> None:
        self._begin = begin
        self._open: tuple[AbstractContextManager[Context], Token[Context]] | None = None

    def __enter__(self) -> Session:
        if self._open is not None:
            raise BindingError(
                "this session is open already; call partywall.session(...) once for each block"
            )
        scope = self._begin()
        context = scope.__enter__()
        self._open = scope, context_api.attach(context)
        _entered.add(self)
        return cast(Session, context_api.get_value(KEY, context))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._open is not None:
            (scope, token), self._open = self._open, None
            _entered.discard(self)
            context_api.detach(token)
            scope.__exit__(kind, error, traceback)

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """`function`, each call of it in a session of its own."""
        return wrap(function, lambda _args, _kwargs: self._begin())


_entered: Final[set[Binding]] = set()
"""Keeps what nobody holds but has entered, so that it is left open rather than taken for ended."""


def session(
    *,
    tenant: str,
    request: str | None = None,
    request_text: str | None = None,
    identity: str | None = None,
    on_behalf_of: str | None = None,
    actors: Sequence[str] | Mapping[str, object] | None = None,
    credential: str | None = None,
    approval: str | None = None,
    agent: str | None = None,
    grant: str | None = None,
    session: str | None = None,
) -> Binding:
    """Bind everything inside to one tenant: `with`, `async with`, or a decorator.

    `request` is the ticket it is done for, `request_text` what it asks for (read once: facts of it
    are recorded, the text is not), `identity` who acts (a SPIFFE id or `issuer#subject`),
    `on_behalf_of` whom it acts for, `actors` the chain of those who act for one another (a list,
    the current one first, or the `act` claim of a token), `credential` the id of the credential
    (never the secret), `approval` the id of the approval it relies on, `agent` the agent's name,
    `grant` a signed session grant, `session` an id of your own (default: a new one). An inner
    session replaces the outer one as a whole and gives it back at its end.
    """
    chain = _actors(actors)
    acting = _text("identity", identity) or (chain[0] if chain else "")
    if chain and chain[0] != acting:
        chain = (acting, *chain)[:LONGEST_CHAIN]
    facts: dict[str, Any] = {
        "tenant": _tenant(tenant),
        "request": _text("request", request),
        "identity": acting,
        "on_behalf_of": _text("on_behalf_of", on_behalf_of),
        "credential": _text("credential", credential),
        "approval": _text("approval", approval),
        "agent": _text("agent", agent),
        "grant": _text("grant", grant),
    }
    asking = _text("request_text", request_text)
    own_id = _text("session", session) or (grants.read(grant).session if grant else "")

    def begin() -> AbstractContextManager[Context]:
        outer = current_session()
        if settings.STRICT.flag() and outer and outer.tenant != tenant:
            raise BindingError(
                f"a session of tenant {outer.tenant!r} is open, and this one is of {tenant!r}: in "
                "strict mode only partywall.handoff(..., tenant=...) may change the tenant"
            )
        if others := parts.tenants_of(own_id) - {tenant} if own_id else None:
            raise BindingError(
                f"session {own_id!r} is open for tenant {min(others)!r} and cannot be opened for "
                f"{tenant!r}: a session keeps its tenant; leave session= out for a new id"
            )
        # An inner session is a new binding inside the same run of the agent.
        run = outer.run if outer else uuid.uuid4().hex
        asked = facts_of(asking) if asking.strip() else {}
        return _running(
            Session(**facts, actors=chain, id=own_id or uuid.uuid4().hex, run=run, asked=asked)
        )

    return Binding(begin)


def handoff(
    agent: str,
    /,
    *,
    tenant: str | None = None,
    identity: str | None = None,
    credential: str | None = None,
    approval: str | None = None,
    request: str | None = None,
) -> Binding:
    """Give the work to another agent: a session inside the open one, and a span that records it.

    `agent` is its name, `identity` its own identity, which goes to the head of the actor chain. For
    the same tenant the request, the approval and on whose behalf it acts go on; for another
    `tenant` nothing does but the run and the chain: the customer who is entered approved nothing
    yet. The credential never goes along, for it was issued to the one who hands over.
    """
    name = _text("agent", agent)
    if not name.strip():
        raise BindingError("agent is empty: partywall.handoff('billing') names who takes over")
    given = {
        "request": _text("request", request),
        "identity": _text("identity", identity),
        "credential": _text("credential", credential),
        "approval": _text("approval", approval),
    }
    other = "" if tenant is None else _tenant(tenant)

    def begin() -> AbstractContextManager[Context]:
        outer = current_session()
        if outer is None:
            raise BindingError(
                f"handoff({name!r}) outside a session: open partywall.session(tenant=...) around it"
            )
        before = outer.actors or ((outer.identity,) if outer.identity else ())
        facts: dict[str, Any] = dict(given)
        stays = not other or other == outer.tenant
        if stays:
            facts["request"] = facts["request"] or outer.request
            facts["approval"] = facts["approval"] or outer.approval
        inner = Session(
            **facts,
            tenant=other or outer.tenant,
            on_behalf_of=outer.on_behalf_of if stays else "",
            actors=((facts["identity"], *before) if facts["identity"] else before)[:LONGEST_CHAIN],
            agent=name,
            id=uuid.uuid4().hex,
            run=outer.run,
            asked=outer.asked if stays and facts["request"] == outer.request else {},
        )
        span = _tracer.start_span(
            f"handoff to {name}", attributes={"gen_ai.operation.name": "handoff"}
        )
        return _running(inner, span)

    return Binding(begin)


def current_session(context: Context | None = None) -> Session | None:
    """The session that is open here (or in `context`), if there is one."""
    return (
        session_in(context) or session_of(trace.get_current_span(context), context)
    ) or process_session()


def session_in(context: Context | None = None) -> Session | None:
    """The session that the context itself holds."""
    found = context_api.get_value(KEY, context)
    return found if isinstance(found, Session) and _holds(found, context) else None


def session_of(span: Span, context: Context | None = None) -> Session | None:
    """The session that a span of this process was started in."""
    if not isinstance(span, ReadableSpan):
        return None
    said = span.attributes or {}
    found = parts.known(said.get(attributes.SESSION_PART))
    if found is None or not _holds(found, context):
        return None
    approval = said.get(attributes.APPROVAL_ID, "")
    credential = said.get(attributes.CREDENTIAL_ID, "")
    if (approval, credential) == (found.approval, found.credential):
        return found
    # The span was started in a block of that session that relies on something of its own.
    return found.relying(
        approval=cast(str, approval),
        credential=cast(str, credential),
        credential_expires=cast(int, said.get(attributes.CREDENTIAL_EXPIRES, 0)),
    )


def process_session() -> Session | None:
    """The session of the whole process, where the environment names its tenant."""
    return _process_session() if settings.TENANT.text() else None


@cache
def _process_session() -> Session:
    with _making:  # two threads may come here at once
        if not _made:
            _made.append(_from_environment())
            parts.opened(_made[0])
        return _made[0]


_making = threading.Lock()
_made: Final[list[Session]] = []


def _from_environment() -> Session:
    return Session(
        tenant=settings.TENANT.text(),
        request=settings.REQUEST.text(),
        identity=settings.IDENTITY.text(),
        on_behalf_of=settings.SUBJECT.text(),
        actors=settings.split(settings.ACTORS.text())[:LONGEST_CHAIN],
        credential=settings.CREDENTIAL.text(),
        approval=settings.APPROVAL.text(),
        agent=settings.AGENT.text(),
        grant=settings.GRANT.text(),
        id=settings.SESSION.text() or uuid.uuid4().hex,
        run=settings.RUN.text() or uuid.uuid4().hex,
        source="env",
    )


@contextmanager
def _running(opened: Session, span: Span | None = None) -> Generator[Context]:
    """The block of a session: its context, and the record at its end."""
    context = opened.context()
    if span is not None:
        context = trace.set_span_in_context(span, context)
    parts.opened(opened)
    parts.record_request(opened)
    reason: Reason = "completed"
    try:
        yield context
    except BaseException as error:
        reason = _reason(error)
        raise
    finally:
        parts.close(opened, reason)
        if span is not None:
            span.end()


def _reason(error: BaseException) -> Reason:
    if isinstance(error, GeneratorExit):
        return "completed"  # the consumer has had enough
    names = {kind.__name__ for kind in type(error).__mro__}
    # By name: asyncio, concurrent.futures, anyio and trio each have their own.
    if names & {"CancelledError", "Cancelled", "KeyboardInterrupt"}:
        return "cancelled"
    return "process exit" if isinstance(error, SystemExit) else "error"


def _holds(found: Session, context: Context | None) -> bool:
    """Whether the session still binds: not in a thread that outlived it."""
    if not found.part.closed:
        return True
    started_in = context_api.get_value(THREAD, context)
    return not (isinstance(started_in, Session) and started_in.part is found.part)


def _tenant(tenant: object) -> str:
    text = _text("tenant", tenant)
    if not text.strip():
        raise BindingError(
            "tenant is empty: partywall.session(tenant=...) needs the id of the customer that "
            "this work is done for; there is no default tenant"
        )
    return text


def _actors(said: object) -> tuple[str, ...]:
    """The chain, flat; the `act` claim of RFC 8693 nests the earlier actor in the later one."""
    if said is None:
        return ()
    if isinstance(said, str) or not isinstance(said, Mapping | Sequence):
        raise BindingError(
            f"actors is {type(said).__name__}: partywall.session(actors=[...]) takes a list of "
            "identities, the current one first, or the `act` claim of a token"
        )
    if not isinstance(said, Mapping):
        return tuple(_text("actors", actor) for actor in cast(Sequence[object], said))[
            :LONGEST_CHAIN
        ]
    chain: list[str] = []
    act = cast(object, said)
    while isinstance(act, Mapping) and len(chain) < LONGEST_CHAIN:
        claims = cast(Mapping[str, object], act)
        subject, issuer = _text("actors", claims.get("sub")), _text("actors", claims.get("iss"))
        if not subject:
            raise BindingError("actors: an `act` claim without `sub` names nobody; give it its sub")
        chain.append(f"{issuer}#{subject}" if issuer else subject)
        act = claims.get("act")
    return tuple(chain)


def _text(argument: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BindingError(
            f"{argument} is {type(value).__name__}, not a string: "
            f"partywall.session({argument}=str(...))"
        )
    return value
