"""How much memory it may take to parse what arrives: a body can say ninety times its bytes.

An empty span is sent in two bytes. So no body is larger than a share of the memory, and of the
large ones one is parsed at a time.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from partywall_collector.machine import MIB
from partywall_collector.receivers.refusals import too_large

LARGE: Final = MIB // 4
"""Bytes from which on a body waits for its turn; most requests are smaller, or near it."""

SHARE: Final = 256
"""A body may have so little of the memory that parsing the worst takes a third of it."""

LEAST: Final = 4 * MIB
"""Bytes that a body may have anyhow; no exporter sends more by default."""


class Parsing:
    """The turns of the bodies, JSON and protobuf apart, for JSON is slow. Thread-safe."""

    def __init__(self, memory: int) -> None:
        """`memory` is what the machine or the container has, in bytes."""
        self.most = max(LEAST, memory // SHARE)
        self._turns = {json: threading.Lock() for json in (False, True)}

    @contextmanager
    def turn(self, body: bytes, *, json: bool) -> Generator[None]:
        """While the block runs the body may be parsed; `Refused` where it is too large for that."""
        if len(body) > self.most:
            raise too_large(self.most)
        if len(body) < LARGE:
            yield
            return
        with self._turns[json]:
            yield
