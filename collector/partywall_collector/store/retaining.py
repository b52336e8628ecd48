"""Applies the tenants' retention once an hour, in the process that owns the store."""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from partywall_collector.store.erasure import retain
from partywall_collector.store.errors import StoreError
from partywall_collector.store.store import Store

log = logging.getLogger("partywall.store")

EVERY: Final = 3600.0
"""Seconds between two looks; each is one short query unless something is old enough."""


@contextmanager
def retaining(store: Store, every: float = EVERY) -> Generator[None]:
    """Delete what is older than its tenant keeps it, again and again while the context lasts."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(every):
            try:
                gone = retain(store)
            except StoreError as error:
                log.warning("what is too old is not deleted now, tried again later: %s", error)
                continue
            for tenant, tables in gone.items():
                said = ", ".join(f"{each.rows} of {each.table}" for each in tables)
                log.info("retention of %s: deleted %s", tenant, said)

    thread = threading.Thread(target=work, name="partywall-retention", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
