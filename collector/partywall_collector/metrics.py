"""What the collector counts about itself."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stats:
    """A moment of a collector. The counts begin at its start, the queue is what is on disk now."""

    accepted_requests: int = 0
    accepted_spans: int = 0
    repeated_requests: int = 0
    repeated_spans: int = 0
    """Sent again after their acknowledgement was lost; acknowledged, and stored once."""
    refused: Mapping[str, int] = field(default_factory=dict[str, int])
    """Requests by the word of their `receivers.refusals.Reason`."""
    accepted_log_records: int = 0
    refused_log_records: int = 0
    loaded_requests: int = 0
    loaded_spans: int = 0
    loaded_segments: int = 0
    poison: int = 0
    """Requests that ClickHouse cannot read; each has a row in quarantine."""
    failed_loads: int = 0
    queue_segments: int = 0
    queue_bytes: int = 0
    lag: float = 0.0
    """Seconds since the oldest request that is not yet queryable arrived."""


class Counters:
    """Counts from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def add(self, **counts: int) -> None:
        """Add to counts of `Stats`, by their names."""
        with self._lock:
            self._counts.update(counts)

    def refuse(self, reason: str) -> None:
        """Count a refused request."""
        with self._lock:
            self._refused[reason] += 1

    def stats(self, queue_segments: int, queue_bytes: int, lag: float) -> Stats:
        """All counts, beside the queue's state."""
        with self._lock:
            refused = dict(self._refused)
            return Stats(
                **self._counts,
                refused=refused,
                queue_segments=queue_segments,
                queue_bytes=queue_bytes,
                lag=lag,
            )
