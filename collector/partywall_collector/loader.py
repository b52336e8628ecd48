"""Sealed segments into ClickHouse, one after the other, each exactly once.

The segment's id is the deduplication token, so a load that was interrupted anywhere is simply
repeated. A segment is deleted after its rows are on disk. One that ClickHouse cannot read, or that
takes more memory than a load may have, is split until the span at fault is alone; that one goes to
quarantine, everything else is loaded.
"""

import hashlib
import json
import logging
import re
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from partywall_collector.components import RetryOnFailure
from partywall_collector.dividing import halves
from partywall_collector.envelope import Envelope, TornFrame, frame, read
from partywall_collector.metrics import Counters
from partywall_collector.spool import Spool
from partywall_collector.spool_files import Segment, envelopes_of
from partywall_collector.store import QueryFailed, Store, StoreError, statement
from partywall_collector.store.altering import alter

log = logging.getLogger("partywall.loader")
QUERIES = "partywall_collector.sql.loader"
IDLE = 0.2
CONTENT_ERRORS = frozenset(
    (6, 25, 26, 27, 32, 33, 34, 36, 38, 41, 43, 53, 69, 70, 72, 117, 128, 131, 190, 407, 444, 467)
)
"""Codes of ClickHouse that blame what is read, not the server: it cannot be parsed or converted."""

MEMORY_LIMIT = 241
"""A smaller segment may fit."""

OWN_LIMIT = re.compile("Query memory limit|Memory limit \\(for query\\)", re.IGNORECASE)
"""What the engine says where a load met its own bound, and not the memory that all share."""

POISON, TOO_LARGE = "poison", "too large"
"""Why a span is in quarantine without content: it cannot be read, or takes too much memory."""


class Loader:
    """One thread that empties a spool into a store."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        counters: Counters,
        retry: RetryOnFailure,
        memory: int = 0,
    ) -> None:
        """`memory` is the most bytes that the engine may take for one load; 0 sets no bound."""
        self._store = store
        self._spool = spool
        self._counters = counters
        self._retry = retry
        self._memory = memory
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="partywall-loader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the load that runs now."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause = self._retry.initial_interval
        while not self._stopping.is_set():
            segment = self._spool.next(IDLE)
            if segment is None:
                continue
            try:
                self._load(segment)
                pause = self._retry.initial_interval
            except Exception as error:
                self._counters.add(failed_loads=1)
                log.warning(
                    "segment %s waits, next try in %.0f s: %s",
                    segment.id,
                    pause,
                    error,
                    exc_info=not isinstance(error, StoreError | OSError),
                )
                self._stopping.wait(pause)
                pause = min(self._retry.max_interval, pause * 2)

    def _load(self, segment: Segment) -> None:
        if segment.retired:  # an earlier run, or try, got no further
            self._forget(segment.path.read_bytes())
            self._spool.split(segment)
            return
        try:
            self._store.load_file(segment.path, token=segment.id, memory=self._memory)
        except QueryFailed as error:
            self._isolate(segment, segment.path.read_bytes(), error)
            return
        requests = segment.requests or len(envelopes_of(segment.path)[0])
        if not (segment.recovered and self._known("segment_is_known", {"segment": segment.id})):
            self._store.insert("segments", [_segment_row(segment, requests)])
        self._spool.remove(segment)
        self._counters.add(loaded_segments=1, loaded_requests=requests, loaded_spans=segment.spans)

    def _try_an_empty_request(self) -> None:
        """Raise where not even that is loaded: the store is at fault, and all would be poison."""
        empty = b"".join(frame(Envelope("", (), "", 0, b"")))
        self._store.load(empty, token=f"empty-{secrets.token_hex(8)}", memory=self._memory)

    def _isolate(self, segment: Segment, data: bytes, error: QueryFailed) -> None:
        """Split a segment that cannot be loaded whole; quarantine one that is a single span."""
        frames, damage = envelopes_of(segment.path)
        alone = len(frames) == 1 and not damage
        over = error.code == MEMORY_LIMIT
        if error.code in CONTENT_ERRORS or (over and OWN_LIMIT.search(str(error))):
            self._try_an_empty_request()
        elif not over or alone:  # of the memory that all share there may be more later
            raise error
        log.warning("segment %s cannot be loaded and is taken apart: %s", segment.id, error)
        retired = self._spool.retire(segment)
        self._forget(data)
        if alone and not self._divide(retired, data):
            self._quarantine(retired, data, error, TOO_LARGE if over else POISON)
        elif not alone:
            self._spool.split(retired)

    def _divide(self, segment: Segment, data: bytes) -> bool:
        """Split the only request of a segment, if it has spans to part; a repeat stays known."""
        ((_, whole),) = read(data)
        parts = halves(whole, self._spool.stamp())
        if parts:
            self._store.insert("requests", [_request_row(whole)])
            self._spool.split(segment, parts)
        return bool(parts)

    def _forget(self, data: bytes) -> None:
        """Take back what the failed load may have left in some of the tables."""
        stamps: list[int] = []
        try:
            stamps.extend(envelope.received_at for _, envelope in read(data))
        except TornFrame:
            log.warning("a segment is damaged; its whole envelopes are loaded")
        for name in ("forget_spans", "forget_calls", "forget_quarantine"):
            alter(self._store, statement(QUERIES, name), {"received_at": stamps})

    def _quarantine(self, segment: Segment, data: bytes, error: QueryFailed, reason: str) -> None:
        """Give up on the one span of a segment, and say so in a row."""
        for _, envelope in read(data):
            log.error("a request of %s cannot be loaded: %s", envelope.principal, error)
            known = {"sha256": envelope.sha256.hex(), "received_at": envelope.received_at}
            if not self._known("poison_is_known", known):
                self._store.insert("quarantine", [_poison_row(envelope, error.code, reason)])
            self._counters.add(poison=1)
        self._spool.remove(segment)

    def _known(self, query: str, params: Mapping[str, Any]) -> bool:
        return bool(self._store.rows(statement(QUERIES, query), params)[0]["known"])


def _segment_row(segment: Segment, requests: int) -> dict[str, Any]:
    with segment.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "segment_id": segment.id,
        "loaded_at": datetime.now(UTC),
        "requests": requests,
        "bytes": segment.path.stat().st_size,
        "sha256": digest,
    }


def _request_row(envelope: Envelope) -> dict[str, Any]:
    """What a load would write of the request, by which its repeat is known."""
    return {
        "received_at": _moment(envelope),
        "principal": envelope.principal,
        "tenants": list(envelope.tenants),
        "request_sha256": envelope.sha256,
    }


def _poison_row(envelope: Envelope, code: int, reason: str) -> dict[str, Any]:
    """What is kept of a span that cannot be loaded: whose, how big, its digest; no content."""
    return {
        "received_at": _moment(envelope),
        "reason": reason,
        "principal": envelope.principal,
        "principal_tenants": list(envelope.tenants),
        "span": json.dumps({"size": len(envelope.request), "error_code": code}),
        "request_sha256": envelope.sha256,
    }


def _moment(envelope: Envelope) -> str:
    """When it was received, to the nanosecond."""
    seconds, nanoseconds = divmod(envelope.received_at, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{nanoseconds:09d}Z"
