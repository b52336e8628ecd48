"""In which partition of the evidence tables a tenant's rows lie: one of its own, or a shared pool.

An insert costs about 5 ms of CPU for each partition that it touches, so the long tail shares pools.
A tenant is placed when it is registered, and keeps its place until it is moved.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from partywall_collector.store import Store, StoreError, statement

OWN_PARTITIONS: Final = 100
POOLS: Final = 16
QUERIES: Final = "partywall_collector.registry.sql"


class UnknownTenant(StoreError):
    """The tenant that is to be moved is not registered."""


def own(tenant: str) -> str:
    """The partition of a tenant alone."""
    return f"own-{tenant}"


def pool(tenant: str) -> str:
    """The pool of a tenant: always the same one."""
    return f"pool-{hashlib.sha256(tenant.encode()).digest()[0] % POOLS:02d}"


def place(tenants: Iterable[dict[str, Any]], placed: Mapping[str, str]) -> None:
    """Put new tenants into partitions of their own as long as there are some; known ones stay."""
    count = sum(placement.startswith(own("")) for placement in placed.values())
    for tenant in tenants:
        name: str = tenant["tenant_id"]
        if name in placed:
            tenant["placement"] = placed[name]
        elif count < OWN_PARTITIONS:
            tenant["placement"] = own(name)
            count += 1
        else:
            tenant["placement"] = pool(name)


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
