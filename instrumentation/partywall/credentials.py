"""Credentials that are issued for a block and revoked at its end, however it ends.

The secret goes from the issuer to the block and nowhere else. Every span inside carries the id and
the end of the credential, and events say when it was issued and revoked.
"""

import hashlib
import hmac
import inspect
import logging
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Final, Protocol, cast

from opentelemetry import context as context_api
from opentelemetry.util.types import AttributeValue

from partywall import _answers, attributes, settings
from partywall.errors import BindingError, CredentialError
from partywall.fingerprint_keys import in_force
from partywall.governance import LONGEST_ID, is_text, open_session, record
from partywall.sessions import Session

log = logging.getLogger("partywall")

TIMEOUT: Final = 10.0
"""Seconds that an issuer has to answer, where nothing else is said."""

LATEST: Final = 253_402_300_800
"""The year 10000, in unix seconds."""

_lock = threading.Lock()
_said: Final[set[str]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What an issuer gives; the secret is left out of its text."""

    secret: str = field(repr=False)
    id: str = ""
    """The issuer's own name of the credential (a `jti`, a lease id), never the secret."""
    expires_at: datetime | float | None = None
    """With its time zone, or unix seconds."""
    scopes: tuple[str, ...] = ()


class Issuer(Protocol):
    """Whatever gives short-lived credentials: a vault, a token endpoint, a cloud's STS."""

    def issue(self) -> Issued: ...

    def revoke(self, issued: Issued, /) -> None: ...


class AsyncIssuer(Protocol):
    """An issuer for `async with`."""

    async def issue(self) -> Issued: ...

    async def revoke(self, issued: Issued, /) -> None: ...


def credential(issuer: Issuer | AsyncIssuer, *, timeout: float = TIMEOUT) -> "Credential":
    """Work with a credential that is issued for the block and revoked at its end.

    `with` and `async with` give what the issuer issued; only the latter takes an `AsyncIssuer`.
    The credential is revoked however the block ends. An issuer that fails, that does not answer in
    `timeout` seconds, or whose credential has expired, fails the block before it runs; a revocation
    that fails is recorded and logged, and never raised.
    """
    return Credential(issuer, timeout)


class Credential:
    """What `credential(...)` returns: a context manager, plain or async (asyncio)."""

    def __init__(self, issuer: Issuer | AsyncIssuer, timeout: float) -> None:
        for name in ("issue", "revoke"):
            if not callable(getattr(issuer, name, None)):
                raise BindingError(
                    f"{type(issuer).__name__} has no {name}(): partywall.credential(issuer) takes "
                    "an object with issue() and revoke(issued)"
                )
        if not 0 < timeout < math.inf:
            raise BindingError(f"timeout={timeout!r}: say how many seconds the issuer has")
        kinds = {inspect.iscoroutinefunction(part) for part in (issuer.issue, issuer.revoke)}
        if len(kinds) == 2:
            raise BindingError(
                f"of issue() and revoke() of {type(issuer).__name__} one is async: make both so"
            )
        self._is_async = kinds == {True}
        self._issuer = issuer
        self._timeout = timeout
        self._open: _Use | None = None

    def __enter__(self) -> Issued:
        if self._is_async:
            raise BindingError("this issuer is async: write `async with partywall.credential(...)`")
        session = self._begin()
        try:
            issued = _answers.wait(
                cast(Issuer, self._issuer).issue, self._timeout, self._late(session)
            )
            use = _named(issued, session)
            if unusable := use.unusable():
                self._revoke(use)
                raise unusable
        except BaseException as error:
            _failed(session, attributes.CREDENTIAL_ISSUE_FAILED, {}, error)
            raise
        return self._enter(use)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if use := self._end():
            self._revoke(use)

    async def __aenter__(self) -> Issued:
        session = self._begin()
        try:
            if self._is_async:
                issued = await _answers.wait_in_task(
                    cast(AsyncIssuer, self._issuer).issue,
                    self._timeout,
                    lambda late: self._revoke_async(_named(late, session)),
                )
            else:
                issued = await _answers.wait_in_thread(
                    cast(Issuer, self._issuer).issue, self._timeout, self._late(session)
                )
            use = _named(issued, session)
            if unusable := use.unusable():
                await self._revoke_async(use)
                raise unusable
        except BaseException as error:
            _failed(session, attributes.CREDENTIAL_ISSUE_FAILED, {}, error)
            raise
        return self._enter(use)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if use := self._end():
            await _answers.finish(self._revoke_async(use))

    def _begin(self) -> Session:
        if self._open is not None:
            raise BindingError(
                "this credential is in use; call partywall.credential(...) once for each block"
            )
        return open_session("credential")

    def _enter(self, use: "_Use") -> Issued:
        facts: dict[str, AttributeValue] = {
            attributes.CREDENTIAL_ID: use.named.id,
            attributes.CREDENTIAL_TIME: _now(),
        }
        if use.expires:
            facts[attributes.CREDENTIAL_EXPIRES] = use.expires
        if use.named.scopes:
            facts[attributes.CREDENTIAL_SCOPES] = use.named.scopes
        record(use.session, attributes.CREDENTIAL_ISSUED, facts)
        self._token = context_api.attach(use.session.context())
        self._process = os.getpid()
        self._open = use
        return use.named

    def _end(self) -> "_Use | None":
        """What is to be revoked now."""
        use, self._open = self._open, None
        if use is None:
            return None
        context_api.detach(self._token)
        # A forked child leaves the block too; the credential is its parent's.
        return use if self._process == os.getpid() else None

    def _late(self, session: Session) -> Callable[[Issued], None]:
        """What happens to a credential that came when nobody waited for it any longer."""
        return lambda issued: self._revoke(_named(issued, session))

    def _revoke(self, use: "_Use") -> None:
        revoke = cast(Issuer, self._issuer).revoke
        try:
            _answers.wait(lambda: revoke(use.issued), self._timeout)
        except BaseException as error:
            self._not_revoked(use, error)
            if not isinstance(error, Exception):
                raise
        else:
            _revoked(use)

    async def _revoke_async(self, use: "_Use") -> None:
        try:
            if self._is_async:
                revoke = cast(AsyncIssuer, self._issuer).revoke
                await _answers.wait_in_task(lambda: revoke(use.issued), self._timeout)
            else:
                blocking = cast(Issuer, self._issuer).revoke
                await _answers.wait_in_thread(lambda: blocking(use.issued), self._timeout)
        except BaseException as error:
            self._not_revoked(use, error)
            if not isinstance(error, Exception):
                raise
        else:
            _revoked(use)

    def _not_revoked(self, use: "_Use", error: BaseException) -> None:
        facts = {attributes.CREDENTIAL_ID: use.named.id}
        _failed(use.session, attributes.CREDENTIAL_REVOKE_FAILED, facts, error)
        issuer = type(self._issuer).__name__
        _once(
            f"revoke {issuer}",
            f"credential {use.named.id} could not be revoked by {issuer} ({_kind(error)}): revoke "
            "it by hand (further ones are recorded, not logged)",
        )


@dataclass(frozen=True, slots=True)
class _Use:
    """One credential in one block."""

    issued: Issued
    """As the issuer gave it, for its own `revoke`."""
    named: Issued
    """The same with an id."""
    expires: int
    session: Session
    """The session as it relies on the credential."""
    fault: CredentialError | None

    def unusable(self) -> CredentialError | None:
        """Why the block must not run with it."""
        if self.fault:
            return self.fault
        if self.expires and self.expires <= _now():
            return CredentialError(
                f"credential {self.named.id} had expired when it was issued: look at the issuer's "
                "clock, or at a cache between it and here"
            )
        return None


def _named(issued: object, session: Session) -> _Use:
    """The credential with an id that does not give the secret away, and the session with it."""
    if not isinstance(issued, Issued):
        raise CredentialError(
            f"issue() returned {type(issued).__name__}: return partywall.credentials.Issued(...)"
        )
    id = issued.id[:LONGEST_ID] if is_text(issued.id) else ""
    expires, fault = 0, None
    if not is_text(issued.secret) or not issued.secret:
        fault = CredentialError("issue() returned no secret: Issued(secret=...) is a string")
        id = id or f"random:{uuid.uuid4().hex}"
    else:
        if not id or issued.secret in id or id in issued.secret:
            id = _fingerprint(issued.secret)
        try:
            expires = _milliseconds(issued.expires_at)
        except CredentialError as error:
            fault = error
    inner = session.relying(approval=session.approval, credential=id, credential_expires=expires)
    return _Use(issued, replace(issued, id=id), expires, inner, fault)


def _fingerprint(secret: str) -> str:
    keys = in_force()
    if not isinstance(keys, str):
        text = b"credential\0" + secret.encode("utf-8", "surrogatepass")
        return "hmac:" + hmac.digest(keys.results.secret, text, hashlib.sha256)[:16].hex()
    _once(
        "no key",
        "a credential has no id of its issuer, and there is no fingerprint key: it is named at "
        f"random, so a second use of it is not seen; set {settings.FINGERPRINT_KEY.name} "
        "(said once)",
    )
    return "random:" + uuid.uuid4().hex


def _milliseconds(moment: object) -> int:
    if moment is None:
        return 0
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise CredentialError("expires_at has no time zone: datetime.now(UTC) + ...")
        moment = moment.timestamp()
    if isinstance(moment, int | float) and 0 < moment < LATEST:
        return int(moment * 1000)
    raise CredentialError(
        f"expires_at={moment!r} is no moment: give a datetime with a time zone, or unix seconds"
    )


def _revoked(use: _Use) -> None:
    facts = {attributes.CREDENTIAL_ID: use.named.id, attributes.CREDENTIAL_TIME: _now()}
    record(use.session, attributes.CREDENTIAL_REVOKED, facts)


def _failed(
    session: Session, name: str, facts: Mapping[str, AttributeValue], error: BaseException
) -> None:
    said = {**facts, attributes.CREDENTIAL_TIME: _now(), "error.type": _kind(error)}
    record(session, name, said)


def _kind(error: BaseException) -> str:
    """The type alone: the message may hold the secret."""
    if isinstance(error, _answers.Unanswered):
        return "timeout"
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def _once(what: str, message: str) -> None:
    with _lock:
        known = what in _said
        _said.add(what)
    if not known:
        log.warning("%s", message)


def _now() -> int:
    return time.time_ns() // 1_000_000
