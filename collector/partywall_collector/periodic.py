"""Something that is done again and again, in a thread of its own."""

import threading
from collections.abc import Callable


class Periodic:
    """Calls `action`, which raises nothing, every `interval` seconds until `stop`."""

    def __init__(self, action: Callable[[], None], interval: float, name: str) -> None:
        self._action = action
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, once what is being done is done."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(self._interval):
            self._action()
