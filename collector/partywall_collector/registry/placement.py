"""In which partition of the evidence tables a tenant's rows lie: one of its own, or a shared pool.

An insert costs about 5 ms of CPU for each partition that it touches, so the long tail shares pools.
A tenant is placed when it is registered, and keeps its place until it is moved. The limits are
those of the collector that was started last (`tenant_router` of its configuration).
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from partywall_collector.store import Store, StoreError, statement

QUERIES: Final = "partywall_collector.registry.sql"


class Limits(NamedTuple):
    """How many tenants get a partition of their own, and how many pools all others share."""

    own_partitions: int = 100
    pools: int = 16


DEFAULT: Final = Limits()


class UnknownTenant(StoreError):
    """The tenant that is to be moved is not registered."""


def own(tenant: str) -> str:
    """The partition of a tenant alone."""
    return f"own-{tenant}"


def pool(tenant: str, pools: int = DEFAULT.pools) -> str:
    """The pool of a tenant: always the same one of so many."""
    return f"pool-{hashlib.sha256(tenant.encode()).digest()[0] % pools:02d}"


def limits(store: Store) -> Limits:
    """What counts for tenants that are placed now."""
    rows = store.rows(statement(QUERIES, "placement_limits"))
    return Limits(**rows[0]) if rows else DEFAULT


def limit(store: Store, said: Limits) -> None:
    """Let these limits count for every process that places tenants; who is placed already stays."""
    if limits(store) != said:
        row = {**said._asdict(), "recorded_at": datetime.now(UTC)}
        store.insert("placement_limits", [row])


def place(
    tenants: Iterable[dict[str, Any]],
    placed: Mapping[str, str],
    most: Limits = DEFAULT,
) -> None:
    """Put new tenants into partitions of their own as long as there are some; known ones stay."""
    count = sum(placement.startswith(own("")) for placement in placed.values())
    for tenant in tenants:
        name: str = tenant["tenant_id"]
        if name in placed:
            tenant["placement"] = placed[name]
        elif count < most.own_partitions:
            tenant["placement"] = own(name)
            count += 1
        else:
            tenant["placement"] = pool(name, most.pools)


def move(store: Store, tenant: str, placement: str) -> bool:
    """Let a tenant's spans go to another partition from now on; False if they go there already.

    It is one row of the registry, so it happens or it does not, and loading goes on. It counts for
    spans received ten seconds later: no load that runs now can see it in one try and not in the
    next. Rows that are stored stay where they are. Every query and every deletion finds them by
    `tenant_id`, so nothing is copied and no row is there twice or not at all.
    """
    params = {"tenant": tenant, "placement": placement}
    rows = store.rows(statement(QUERIES, "placement"), params)
    if not rows:
        raise UnknownTenant(f"the tenant {tenant!r} is not registered; `partywall registry show`")
    if rows[0]["placement"] == placement:
        return False
    store.command(statement(QUERIES, "move"), params)
    return True
