"""Sessions: which tenant, request and identity everything inside a block is done for.

The session lives in OpenTelemetry's own context (a context variable), so it follows `await`, tasks
and `asyncio.to_thread` as the current span does, and travels with a context that is passed on.
"""

import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from contextvars import Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

from opentelemetry import context as context_api
from opentelemetry.context import Context

from partywall import attributes
from partywall._wrap import wrap
from partywall.errors import BindingError

P = ParamSpec("P")
R = TypeVar("R")

KEY: Final = context_api.create_key("partywall-session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One agent run bound to a tenant; nobody can change it while it is open."""

    tenant: str
    request: str = ""
    identity: str = ""
    subject: str = ""
    credential: str = ""
    approval: str = ""
    id: str
    run: str
    attributes: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """What every span of the session carries."""

    def __post_init__(self) -> None:
        facts = {
            attributes.TENANT_ID: self.tenant,
            attributes.TENANT_SOURCE: "session",
            attributes.SESSION_ID: self.id,
            attributes.RUN_ID: self.run,
            attributes.REQUEST_ID: self.request,
            attributes.IDENTITY_ID: self.identity,
            attributes.SUBJECT_ID: self.subject,
            attributes.CREDENTIAL_ID: self.credential,
            attributes.APPROVAL_ID: self.approval,
        }
        stamp = {name: value for name, value in facts.items() if value}
        object.__setattr__(self, "attributes", stamp)


STAMPED: Final = frozenset(
    (
        attributes.TENANT_ID,
        attributes.SESSION_ID,
        attributes.RUN_ID,
        attributes.REQUEST_ID,
        attributes.IDENTITY_ID,
        attributes.SUBJECT_ID,
        attributes.CREDENTIAL_ID,
        attributes.APPROVAL_ID,
    )
)
"""What a span passes on to its children where the session itself was lost on the way."""


class Binding:
    """What `session(...)` returns: a context manager (plain or async) and a decorator."""

    def __init__(self, facts: Mapping[str, str], session_id: str) -> None:
        self._facts = facts
        self._session_id = session_id
        self._token: Token[Context] | None = None

    def __enter__(self) -> Session:
        if self._token is not None:
            raise BindingError(
                "this session is open already; call partywall.session(...) once for each block"
            )
        opened = self._open()
        self._token = context_api.attach(context_api.set_value(KEY, opened))
        return opened

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            token, self._token = self._token, None
            context_api.detach(token)

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
        return wrap(
            function, lambda _args, _kwargs: nullcontext(context_api.set_value(KEY, self._open()))
        )

    def _open(self) -> Session:
        outer = current_session()
        return Session(
            **self._facts,
            id=self._session_id or uuid.uuid4().hex,
            # An inner session is a new binding inside the same run of the agent.
            run=outer.run if outer else uuid.uuid4().hex,
        )


def session(
    *,
    tenant: str,
    request: str | None = None,
    identity: str | None = None,
    subject: str | None = None,
    credential: str | None = None,
    approval: str | None = None,
    session: str | None = None,
) -> Binding:
    """Bind everything inside to one tenant: `with`, `async with`, or a decorator.

    `request` is the ticket it is done for, `identity` who acts (a SPIFFE id or `issuer#subject`),
    `subject` on whose behalf, `credential` the id of the credential (never the secret), `approval`
    the id of the approval it relies on, `session` an id of your own (default: a new one). An inner
    session replaces the outer one as a whole and gives it back at its end.
    """
    if not _text("tenant", tenant).strip():
        raise BindingError(
            "tenant is empty: partywall.session(tenant=...) needs the id of the customer that "
            "this work is done for; there is no default tenant"
        )
    facts = {
        "tenant": tenant,
        "request": _text("request", request),
        "identity": _text("identity", identity),
        "subject": _text("subject", subject),
        "credential": _text("credential", credential),
        "approval": _text("approval", approval),
    }
    return Binding(facts, _text("session", session))


def current_session(context: Context | None = None) -> Session | None:
    """The session that is open here (or in `context`), if there is one."""
    found = context_api.get_value(KEY, context)
    return found if isinstance(found, Session) else None


def _text(argument: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BindingError(
            f"{argument} is {type(value).__name__}, not a string: "
            f"partywall.session({argument}=str(...))"
        )
    return value
