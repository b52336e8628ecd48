"""Checks the session grants that spans bring: who signed, for whom, and whether it is in time.

A span is a claim; a grant is a proof that somebody other than its sender made. What is found out
goes into the envelope beside the request, where no sender can write; SQL grades each span by it.
"""

import hashlib
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import jwt

from partywall import attributes
from partywall.errors import GrantError
from partywall.grants import AUDIENCE, LONGEST_TOKEN, TYPE, Grant, grant_of
from partywall_collector.canonical import Presented
from partywall_collector.envelope import GrantedSession
from partywall_collector.issuer_keys import BadKey, PublicKey, public_keys
from partywall_collector.store import Store, StoreError, statement

log = logging.getLogger("partywall.grants")

LEEWAY: Final = 60
"""Seconds that clocks may differ, and that a batch may take."""

KEPT: Final = 20_000
"""Checked grants, and sessions with one, that are remembered; the oldest go first."""

SHARE: Final = 4096
"""Bytes of grants beside a request; the engine repeats them beside each of its spans."""

EVERY_TENANT: Final = "*"

SHORTEST_PAUSE: Final = 1.0
"""Seconds between two look-ups for a grant that is not good: bad ones must not become load."""

# Protobuf writes a string attribute as its name, then 0x12 SIZE 0x0A SIZE and the value.
_SESSION: Final = re.compile(
    re.escape(attributes.SESSION_ID.encode()) + rb"\x12[\x03-\x7f]\x0a([\x01-\x7d])"
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs grants, and for which tenants."""

    id: str
    keys: tuple[PublicKey, ...]
    tenants: tuple[str, ...]


def verify(token: str, issuers: Mapping[str, Issuer]) -> Grant:
    """The grant, if one of these issuers signed it; `GrantError` says what is wrong with it.

    The algorithm is the key's, never the token's. Time and bearer are looked at by the caller.
    """
    if len(token) > LONGEST_TOKEN:
        raise GrantError(f"longer than {LONGEST_TOKEN} characters")
    try:
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() != TYPE:
            raise GrantError(f"its type is not {TYPE}")
        name = jwt.decode(token, options={"verify_signature": False}).get("iss")
        issuer = issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise GrantError("its issuer is not registered")
        grant = grant_of(_claims(token, issuer))
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise error if isinstance(error, GrantError) else GrantError(str(error)) from None
    if grant.tenant not in issuer.tenants and EVERY_TENANT not in issuer.tenants:
        raise GrantError(f"{issuer.id} may not sign for the tenant {grant.tenant}")
    return grant


def _claims(token: str, issuer: Issuer) -> dict[str, Any]:
    refused = GrantError(f"no key of {issuer.id} signed it")
    for key in issuer.keys:
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                issuer=issuer.id,
                # The time is looked at each time, the signature once.
                options={"verify_exp": False, "verify_iat": False, "strict_aud": True},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidAlgorithmError:
            refused = GrantError(f"it is not signed with {key.algorithm}, as {issuer.id} does")
    raise refused


class Grants:
    """The grants of a collector's senders. Thread-safe."""

    def __init__(self, store: Store, refresh_interval: float) -> None:
        self._store = store
        self._interval = refresh_interval
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        """Held while the store is asked: only who waits for the answer waits for the store."""
        self._rows: list[dict[str, Any]] = []
        self._issuers: Mapping[str, Issuer] = {}
        self._read_at = float("-inf")
        self._checked: OrderedDict[bytes, Grant] = OrderedDict()
        self._sessions: OrderedDict[tuple[str, str], Grant] = OrderedDict()
        self._refresh()

    def judge(
        self, principal: str, presented: Sequence[Presented], body: bytes
    ) -> tuple[GrantedSession, ...]:
        """What the grants of a request, or earlier ones of its sessions, say of its sessions."""
        if not presented and not self._sessions:
            return ()
        if presented and self._is_older(self._interval) and self._reading.acquire(blocking=False):
            self._reading.release()
            self._refresh(self._interval)
        known = self._issuers
        found, complaints = self._judged(principal, presented)
        if complaints:
            # The issuer, or its new key, may just have been registered.
            self._refresh(SHORTEST_PAUSE)
            if self._issuers is not known:
                found, complaints = self._judged(principal, presented)
        for complaint in complaints:
            log.warning("%s sent a bad grant: %s", principal, complaint)
        now = time.time()
        with self._lock:
            for session in _sessions_in(body) if self._sessions else ():
                grant = self._sessions.get((principal, session))
                if grant is not None and _in_time(grant, now):
                    found.setdefault(session, _granted(grant))
        return _bounded(found.values())

    def _judged(
        self, principal: str, presented: Sequence[Presented]
    ) -> tuple[dict[str, GrantedSession], list[str]]:
        """What the grants say, by session, and what is wrong with them."""
        found: dict[str, GrantedSession] = {}
        complaints: list[str] = []
        now = time.time()
        with self._lock:
            for session, token in presented:
                try:
                    grant = self._verified(token)
                    _check(grant, principal, session, now)
                except GrantError as error:
                    complaints.append(str(error))
                    found[session] = GrantedSession(session)
                    continue
                _keep(self._sessions, (principal, session), grant)
                if found.setdefault(session, _granted(grant)) != _granted(grant):
                    found[session] = GrantedSession(session)
        return found, complaints

    def _verified(self, token: str) -> Grant:
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        grant = self._checked.get(digest)
        if grant is None:
            grant = verify(token, self._issuers)
            _keep(self._checked, digest, grant)
        return grant

    def _is_older(self, seconds: float) -> bool:
        return time.monotonic() - self._read_at > seconds

    def _refresh(self, oldest: float = 0.0) -> None:
        """Read the issuers again if they were read longer ago."""
        with self._reading:
            if not self._is_older(oldest):
                return
            try:
                rows = self._store.rows(statement("partywall_collector.sql.loader", "issuers"))
            except StoreError as error:
                log.warning("the issuers cannot be read, the last known ones stay: %s", error)
                return
            finally:
                self._read_at = time.monotonic()
            if rows == self._rows:
                return
            with self._lock:
                self._rows, self._issuers = rows, _issuers(rows)
                # What a key or a tenant that was taken away once made good is good no longer.
                self._checked.clear()
                self._sessions.clear()


def _check(grant: Grant, principal: str, session: str, now: float) -> None:
    if grant.principal != principal:
        raise GrantError("it is bound to another principal")
    if grant.session != session:
        raise GrantError("it is for another session than the span's")
    if not _in_time(grant, now):
        raise GrantError("it has expired, or is not good yet")


def _issuers(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Issuer]:
    found: dict[str, Issuer] = {}
    for row in rows:
        name = str(row["issuer_id"])
        try:
            found[name] = Issuer(name, public_keys(row["public_key"]), tuple(row["tenants"]))
        except BadKey as error:
            log.error("issuer %s: %s; its grants are refused", name, error)
    return found


def _sessions_in(body: bytes) -> set[str]:
    """The session ids that the bytes name; some may stand in other places than a span's own."""
    return {
        body[match.end() : match.end() + match[1][0]].decode("utf-8", "replace")
        for match in _SESSION.finditer(body)
    }


def _in_time(grant: Grant, now: float) -> bool:
    return grant.issued - LEEWAY <= now < grant.expires + LEEWAY


def _granted(grant: Grant) -> GrantedSession:
    return GrantedSession(grant.session, grant.tenant, grant.identity, grant.request)


def _bounded(found: Iterable[GrantedSession]) -> tuple[GrantedSession, ...]:
    """As many as may travel, bad ones first: without a word beside it a span is A1."""
    kept: list[GrantedSession] = []
    room = SHARE
    for granted in sorted(found, key=lambda granted: granted.tenant != ""):
        size = sum(len(text.encode()) for text in (granted.session, granted.tenant))
        room -= size + len(granted.identity.encode()) + len(granted.request.encode())
        if room < 0:
            log.warning("a request brings more grants than it may; some sessions stay at A1")
            break
        kept.append(granted)
    return tuple(kept)


def _keep(kept: "OrderedDict[Any, Grant]", key: object, grant: Grant) -> None:
    kept[key] = grant
    kept.move_to_end(key)
    if len(kept) > KEPT:
        cast("OrderedDict[object, Grant]", kept).popitem(last=False)
