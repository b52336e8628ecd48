"""Calls whose message has not come yet, each of which holds a thread: how long they may."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import grpc

from partywall_collector.periodic import Periodic

LOOK_EVERY = 0.25


class Arrivals:
    """Cancels the calls that let a thread wait too long. Thread-safe.

    Who sends slowly has `patience` seconds; `hurry` while `crowded` says that calls wait for a
    thread, so that senders who begin calls and send nothing keep nobody out. CANCELLED asks the
    sender to come back.
    """

    def __init__(self, patience: float, hurry: float, crowded: Callable[[], bool]) -> None:
        self._patience = patience
        self._hurry = hurry
        self._crowded = crowded
        self._lock = threading.Lock()
        self._since: dict[grpc.ServicerContext, float] = {}
        self._looking = Periodic(self._look, LOOK_EVERY, "partywall-grpc-arrivals")

    @contextmanager
    def awaited(self, context: grpc.ServicerContext) -> Generator[None]:
        """While the message of a call is awaited."""
        with self._lock:
            self._since[context] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._since.pop(context, None)

    def stop(self) -> None:
        self._looking.stop()

    def _look(self) -> None:
        late = time.monotonic() - (self._hurry if self._crowded() else self._patience)
        with self._lock:
            for context, since in self._since.items():
                if since < late:
                    context.cancel()
