"""Waiting for what another thread or process does, with an end."""

import time
from collections.abc import Callable


def wait_for(so: Callable[[], object], seconds: float = 30.0) -> None:
    """Until it is so; the test fails if it is not after that long."""
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, f"not so after {seconds:g} s"
        time.sleep(0.02)
