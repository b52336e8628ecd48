"""Answers for a store that a command keeps open, so that it does not lock the others out."""

import logging
import threading
from typing import TYPE_CHECKING, Final

from partywall_collector.store.errors import StoreError

if TYPE_CHECKING:
    from partywall_collector.store.store import Store

log = logging.getLogger("partywall.store")

DELAY: Final = 1.0
"""Seconds. A command that ends sooner needs no endpoint: others wait for it."""


def answer_later(store: "Store") -> None:
    """Answer for an embedded store of this process, from a moment on until it is closed."""
    if store.engine is None:
        return
    closing = threading.Event()

    def answer() -> None:
        if closing.wait(DELAY):
            return
        from partywall_collector.store.facade import serve

        try:
            with serve(store):
                closing.wait()
        except (StoreError, OSError) as error:
            log.warning("other processes cannot reach the store now: %s", error)

    thread = threading.Thread(target=answer, name="partywall-answer-later", daemon=True)

    def stop() -> None:
        closing.set()
        thread.join()

    thread.start()
    store.at_close.callback(stop)
