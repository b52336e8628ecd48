"""The `memory_limiter`: how much memory the process has, and whether that is too much."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import psutil

from partywall_collector.components import MemoryLimiter
from partywall_collector.machine import MIB, of_machine

log = logging.getLogger("partywall.memory")
SPIKE: Final = 0.2
"""Of the limit, where the configuration names no distance; as in the stock collector."""


class Memory:
    """Watches the process. Thread-safe; measures when it is asked, and not too often."""

    def __init__(self, settings: MemoryLimiter, measure: Callable[[], int] | None = None) -> None:
        self.most = _most(settings)
        """Bytes of the process above which requests are refused: the limit less the spike."""
        self._interval = settings.check_interval
        self._measure = measure or resident
        self._lock = threading.Lock()
        self._measured_at = float("-inf")
        self._short = False

    def is_short(self) -> bool:
        """Whether requests are to be refused now."""
        with self._lock:
            now = time.monotonic()
            if now - self._measured_at >= self._interval:
                self._measured_at = now
                self._look(self._measure())
            return self._short

    def _look(self, held: int) -> None:
        short = held > self.most
        if short != self._short:
            sizes = held / MIB, self.most / MIB
            if short:
                log.warning("the process has %.0f MiB, more than %.0f; requests wait", *sizes)
            else:
                log.info("the process has %.0f MiB, not more than %.0f; requests are taken", *sizes)
        self._short = short


def resident() -> int:
    """The memory of this process in bytes, with the embedded engine's."""
    return psutil.Process().memory_info().rss


def _most(settings: MemoryLimiter) -> int:
    if settings.limit_mib:
        limit, spike = settings.limit_mib * MIB, settings.spike_limit_mib * MIB
    else:
        share = of_machine() / 100
        limit = round(settings.limit_percentage * share)
        spike = round(settings.spike_limit_percentage * share)
    return limit - (spike or round(limit * SPIKE))
