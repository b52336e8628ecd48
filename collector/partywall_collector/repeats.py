"""Recognises an export that comes again because its acknowledgement was lost on the way.

An export is known for an hour by its principal, the tenants that it might write for (a gateway may
send the same for several) and the digest of its canonical body. What an
earlier process took is read at start: from the spool, and from the table `requests`, which the load
itself fills. Other collectors of the same store are known only from that table, and only at start.
"""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Final

from partywall_collector.envelope import Envelope, TornFrame, read
from partywall_collector.spool import Spool
from partywall_collector.store import Store, statement

WINDOW: Final = 3600
"""Seconds for which an export is known; exporters give up after minutes."""

KEPT: Final = 250_000
"""Exports that are remembered, about 40 MB; the oldest go first."""

NOTICE: Final = "the export was acknowledged before; it is stored once"
"""What the sender of a repeat is told, beside the success."""


class Repeats:
    """The exports of the last hour. Thread-safe."""

    def __init__(self, *, window: float = WINDOW, kept: int = KEPT) -> None:
        self._window = window
        self._kept = kept
        self._lock = threading.Lock()
        self._on_disk: dict[bytes, float] = {}
        """Export -> when it was received, in unix seconds; the oldest first."""
        self._on_the_way: dict[bytes, Future[None]] = {}

    def __len__(self) -> int:
        return len(self._on_disk)

    def recall(self, store: Store, spool: Spool) -> None:
        """Learn what earlier processes took; before the spool is emptied."""
        since = time.time() - self._window
        rows = store.rows(
            statement("partywall_collector.sql.loader", "requests"),
            {"since": int(since * 1e9), "kept": self._kept},
        )
        with self._lock:
            for row in rows:
                who = sender(row["principal"], row["tenants"])
                self._keep(_key(who, bytes.fromhex(row["sha256"])), row["seconds"])
            for envelope in _spooled(spool, since):
                key = _key(sender(envelope.principal, envelope.tenants), envelope.sha256)
                self._keep(key, envelope.received_at / 1e9)

    def once(
        self, who: str, sha256: bytes, append: Callable[[], Future[None]]
    ) -> tuple[Future[None], bool]:
        """Append an export unless it is known; the future is done when it is on disk.

        Also says whether it is a repeat. One that comes while the first is still on its way waits
        for the first, and fails with it; after a failure the next one is taken as new.
        """
        key = _key(who, sha256)
        promise = Future[None]()
        with self._lock:
            if first := self._known(key):
                return first, True
            self._on_the_way[key] = promise
        try:
            append().add_done_callback(partial(self._settle, key, promise))
        except BaseException as error:
            self._settle(key, promise, error)
            raise
        return promise, False

    def _known(self, key: bytes) -> Future[None] | None:
        if first := self._on_the_way.get(key):
            return first
        received = self._on_disk.get(key)
        if received is None or received < time.time() - self._window:
            return None
        done = Future[None]()
        done.set_result(None)
        return done

    def _settle(
        self, key: bytes, promise: Future[None], outcome: Future[None] | BaseException
    ) -> None:
        error = outcome.exception() if isinstance(outcome, Future) else outcome
        with self._lock:
            del self._on_the_way[key]
            if error is None:
                self._keep(key, time.time())
        if error is None:
            promise.set_result(None)
        else:
            promise.set_exception(error)

    def _keep(self, key: bytes, received: float) -> None:
        self._on_disk.pop(key, None)  # so that it goes to the end
        self._on_disk[key] = received
        while len(self._on_disk) > self._kept:
            del self._on_disk[next(iter(self._on_disk))]
        oldest = next(iter(self._on_disk))
        if self._on_disk[oldest] < time.time() - self._window:
            del self._on_disk[oldest]


def sender(principal: str, tenants: Iterable[str]) -> str:
    """Who sends, for whom."""
    return "\0".join((principal, *tenants))


def _key(who: str, sha256: bytes) -> bytes:
    return hashlib.sha256(who.encode() + b"\0" + sha256).digest()[:16]


def _spooled(spool: Spool, since: float) -> Iterator[Envelope]:
    for path in spool.files():
        if path.stat().st_mtime >= since:
            with contextlib.suppress(TornFrame):
                yield from (envelope for _, envelope in read(path.read_bytes()))
