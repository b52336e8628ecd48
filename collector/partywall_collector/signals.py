"""Ctrl-C and SIGTERM as an event, so that what runs is stopped in order."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def until_signal() -> Generator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; a second one ends the process at once."""
    stopped = threading.Event()

    def stop(number: int, _: object) -> None:
        stopped.set()
        signal.signal(number, signal.SIG_DFL)

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
