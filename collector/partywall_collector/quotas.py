"""How many spans a minute each tenant may be sent, and how much of that is left.

A tenant's bucket holds one minute's worth and fills evenly. A request is taken while a span is
left, whatever its size, and what it takes too much is waited for: so no request is too large to be
ever taken, and the average holds. Each collector counts for itself.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from partywall_collector.canonical import Canonical
from partywall_collector.periodic import Periodic
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.registry.model import ANY
from partywall_collector.store import Store, StoreError, statement

log = logging.getLogger("partywall.quotas")
MINUTE: Final = 60.0


class Quotas:
    """The quotas of the registry. Thread-safe."""

    def __init__(
        self,
        store: Store,
        refresh_interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._most: Mapping[str, int] = {}
        """Spans a minute, of the tenants that have a quota."""
        self._left: dict[str, tuple[float, float]] = {}
        """Spans, and when that was so; a full bucket where there is none."""
        self.refresh()
        self._refreshing = Periodic(self._try_refresh, refresh_interval, "partywall-quotas")

    def refresh(self) -> None:
        """Read the registry again."""
        rows = self._store.rows(statement("partywall_collector.sql.loader", "quotas"))
        most = {row["tenant_id"]: row["spans_per_minute"] for row in rows}
        with self._lock:
            self._most = most
            self._left = {tenant: left for tenant, left in self._left.items() if tenant in most}

    def stop(self) -> None:
        """End the refreshing."""
        self._refreshing.stop()

    def concern(self, tenants: Sequence[str]) -> bool:
        """Whether one of the tenants that a sender may write for has a quota."""
        most = self._most
        return bool(most) and (ANY in tenants or not most.keys().isdisjoint(tenants))

    def check(self, spans: Mapping[str, int]) -> None:
        """Refuse the request if one of its tenants has nothing left."""
        with self._lock:
            for tenant in spans.keys() & self._most.keys():
                if self._now_left(tenant) < 1:
                    raise Refused(
                        Reason.QUOTA,
                        f"the tenant {tenant} is over its quota of {self._most[tenant]:,} spans a"
                        " minute; nothing of this request is taken, send it again later",
                    )

    def charge(self, spans: Mapping[str, int]) -> None:
        """Take the spans of a request from what its tenants have left."""
        with self._lock:
            for tenant in spans.keys() & self._most.keys():
                self._left[tenant] = self._now_left(tenant) - spans[tenant], self._clock()

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except Exception as error:  # the thread that ends here would keep old quotas for ever
            log.warning(
                "the quotas cannot be read, the last known ones stay: %s",
                error,
                exc_info=not isinstance(error, StoreError),
            )

    def _now_left(self, tenant: str) -> float:
        most, now = self._most[tenant], self._clock()
        left, then = self._left.get(tenant, (most, now))
        return min(most, left + (now - then) * most / MINUTE)


def spans_by_tenant(tenants: Sequence[str], request: Canonical) -> Mapping[str, int]:
    """For whom the spans are, of the tenants that the sender may write for.

    Who may write for one tenant sends for that one, whatever the spans claim.
    """
    if len(tenants) == 1 and ANY not in tenants:
        return {tenants[0]: request.spans}
    return {
        tenant: count
        for tenant, count in request.claimed.items()
        if ANY in tenants or tenant in tenants
    }
