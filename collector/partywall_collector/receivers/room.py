"""The memory that requests may hold while they arrive: one bound for all receivers together."""

import threading

from partywall_collector.memory import Memory
from partywall_collector.receivers.refusals import Reason, Refused


class Room:
    """Bytes that are held now, and the most that may be. Thread-safe."""

    def __init__(self, size: int, memory: Memory | None = None) -> None:
        self._size = size
        self._memory = memory
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that all requests hold now."""
        return self._held

    def lease(self) -> "Lease":
        """What one request holds; use it in a `with` block. Refused while memory is short."""
        if self._memory and self._memory.is_short():
            raise Refused(Reason.MEMORY, "the collector is short of memory")
        return Lease(self)

    def change(self, by: int, own: int) -> None:
        """Hold more or less; a request that is alone may always be as large as it may be."""
        with self._lock:
            if by > 0 and self._held + by > max(self._size, own + by):
                raise Refused(Reason.FULL, "too many large requests arrive at the same time")
            self._held += by


class Lease:
    """What one request holds."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._own = 0

    def grow(self, by: int) -> None:
        """Hold more, or be refused."""
        self._room.change(by, self._own)
        self._own += by

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self._room.change(-self._own, self._own)
        self._own = 0
