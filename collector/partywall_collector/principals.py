"""Who may send: bearer tokens of the registry's principals, kept fresh.

Only digests are known here. A revoked or replaced token stops working within the refresh interval;
a token that is not known is looked up at once, but not more often than once a second.
"""

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partywall_collector.store import Store, StoreError, statement

log = logging.getLogger("partywall.principals")
SHORTEST_PAUSE = 1.0
"""Seconds between two look-ups for unknown tokens: wrong tokens must not become database load."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified sender and the tenants it may write for; ("*",) for every registered one."""

    id: str
    tenants: tuple[str, ...]


class Principals:
    """The senders that are known now. Thread-safe."""

    def __init__(self, store: Store, refresh_interval: float) -> None:
        self._store = store
        self._interval = refresh_interval
        self._rows: list[dict[str, Any]] = []
        self._by_digest: Mapping[str, Principal] = {}
        self._read_at = 0.0
        self._reading = threading.Lock()
        self._stopped = threading.Event()
        self.refresh()
        self._thread = threading.Thread(
            target=self._keep_fresh, name="partywall-principals", daemon=True
        )
        self._thread.start()

    def __len__(self) -> int:
        return len(self._by_digest)

    def find(self, token: str) -> Principal | None:
        """The principal whose token this is."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        found = self._match(digest)
        if found is None:
            self._try_refresh(oldest=SHORTEST_PAUSE)
            found = self._match(digest)
        return found

    def refresh(self, oldest: float = 0.0) -> None:
        """Read the registry's principals, unless they were read less than `oldest` seconds ago."""
        with self._reading:
            if oldest and time.monotonic() - self._read_at < oldest:
                return
            self._read_at = time.monotonic()
            rows = self._store.rows(statement("partywall_collector.sql.loader", "senders"))
            if rows != self._rows:
                self._rows, self._by_digest = rows, _unambiguous(rows)

    def stop(self) -> None:
        """End the refreshing."""
        self._stopped.set()
        self._thread.join()

    def _match(self, digest: str) -> Principal | None:
        match = None
        for known, principal in self._by_digest.items():
            if hmac.compare_digest(known.encode(), digest.encode()):
                match = principal
        return match

    def _keep_fresh(self) -> None:
        while not self._stopped.wait(self._interval):
            self._try_refresh()

    def _try_refresh(self, oldest: float = 0.0) -> None:
        try:
            self.refresh(oldest)
        except Exception as error:  # the thread that ends here would keep revoked tokens alive
            log.warning(
                "the principals cannot be read, the last known ones stay: %s",
                error,
                exc_info=not isinstance(error, StoreError),
            )


def _unambiguous(rows: list[dict[str, Any]]) -> Mapping[str, Principal]:
    """Digest -> principal; a token that two principals share is good for neither."""
    found: dict[str, Principal] = {}
    shared: set[str] = set()
    for row in rows:
        digest = str(row["token_sha256"]).lower()
        if digest in found:
            shared.add(digest)
            log.error(
                "principals %s and %s have the same token, which is now refused; make each its own"
                " with `partywall registry token`",
                found[digest].id,
                row["principal_id"],
            )
        found[digest] = Principal(str(row["principal_id"]), tuple(row["tenants"]))
    return {digest: principal for digest, principal in found.items() if digest not in shared}
