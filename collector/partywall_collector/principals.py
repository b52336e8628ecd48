"""Who sends: the principals of the registry, kept fresh, by token, JWT subject or SPIFFE id.

Of tokens only digests are known here. A revoked or replaced credential stops working within the
refresh interval; one that is not known is looked up at once, but not more often than once a second.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from partywall_collector.periodic import Periodic
from partywall_collector.store import Store, StoreError, statement

log = logging.getLogger("partywall.principals")
SHORTEST_PAUSE = 1.0
"""Seconds between two look-ups for unknown senders: wrong tokens must not become database load."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified sender and the tenants it may write for; ("*",) for every registered one."""

    id: str
    tenants: tuple[str, ...]
    roles: frozenset[str] = frozenset()
    chosen: str = ""
    """The tenant that a gateway names for a request: whose the spans are that name none."""


Credential = tuple[str, ...]
"""What a sender is known by: its sort, then what names it. A token is named by its digest, so a
look-up in a dictionary tells nothing of the token by its time."""


def of_token(token: str) -> Credential:
    """A bearer token."""
    return "token", hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def of_jwt(issuer: str, subject: str) -> Credential:
    """The subject of a JWT whose issuer, signature and audience are checked."""
    return "jwt", issuer, subject


def of_certificate(spiffe_id: str) -> Credential:
    """The SPIFFE id of a client certificate that is checked."""
    return "spiffe", spiffe_id


def of_name(principal: str) -> Credential:
    """The principal itself, where the configuration names it."""
    return "name", principal


class Principals:
    """The senders that are known now. Thread-safe."""

    def __init__(self, store: Store, refresh_interval: float) -> None:
        self._store = store
        self._rows: list[dict[str, Any]] = []
        self._known: Mapping[Credential, Principal] = {}
        self._read_at = 0.0
        self._reading = threading.Lock()
        self.refresh()
        self._refreshing = Periodic(self._try_refresh, refresh_interval, "partywall-principals")

    def __len__(self) -> int:
        return len({who.id for (sort, *_), who in self._known.items() if sort != "name"})

    def find(self, credential: Credential) -> Principal | None:
        """The principal whose credential this is."""
        found = self._known.get(credential)
        if found is None:
            self._try_refresh(oldest=SHORTEST_PAUSE)
            found = self._known.get(credential)
        return found

    def refresh(self, oldest: float = 0.0) -> None:
        """Read the registry's principals, unless they were read less than `oldest` seconds ago."""
        with self._reading:
            if oldest and time.monotonic() - self._read_at < oldest:
                return
            self._read_at = time.monotonic()
            rows = self._store.rows(statement("partywall_collector.sql.loader", "senders"))
            if rows != self._rows:
                self._rows, self._known = rows, _unambiguous(rows)

    def stop(self) -> None:
        """End the refreshing."""
        self._refreshing.stop()

    def _try_refresh(self, oldest: float = 0.0) -> None:
        try:
            self.refresh(oldest)
        except Exception as error:  # the thread that ends here would keep revoked tokens alive
            log.warning(
                "the principals cannot be read, the last known ones stay: %s",
                error,
                exc_info=not isinstance(error, StoreError),
            )


def _unambiguous(rows: list[dict[str, Any]]) -> Mapping[Credential, Principal]:
    """Credential -> principal; one that two principals share is good for neither."""
    found: dict[Credential, Principal] = {}
    shared: set[Credential] = set()
    for row in rows:
        principal = Principal(row["principal_id"], tuple(row["tenants"]), frozenset(row["roles"]))
        for credential in _credentials(row):
            if credential in found:
                shared.add(credential)
                log.error(
                    "principals %s and %s have the same %s, which is now refused; give each its"
                    " own in the registry",
                    found[credential].id,
                    principal.id,
                    {"token": "token", "jwt": "JWT subject", "spiffe": "SPIFFE id"}[credential[0]],
                )
            found[credential] = principal
    return {known: principal for known, principal in found.items() if known not in shared}


def _credentials(row: Mapping[str, Any]) -> Iterator[Credential]:
    yield of_name(row["principal_id"])
    if row["token_sha256"]:
        yield "token", str(row["token_sha256"]).lower()
    if row["jwt_subject"]:
        yield of_jwt(row["jwt_issuer"], row["jwt_subject"])
    if row["spiffe_id"]:
        yield of_certificate(row["spiffe_id"])
