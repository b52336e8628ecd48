"""The store: ClickHouse tables in a folder of this machine or on a server, behind one face."""

from partywall_collector.store.errors import (
    BadStoreUrl,
    QueryFailed,
    StoreError,
    StoreInUse,
    StoreUnavailable,
    StoreVersionMismatch,
)
from partywall_collector.store.opening import Role, open_store
from partywall_collector.store.statements import statement
from partywall_collector.store.store import Store

__all__ = [
    "BadStoreUrl",
    "QueryFailed",
    "Role",
    "Store",
    "StoreError",
    "StoreInUse",
    "StoreUnavailable",
    "StoreVersionMismatch",
    "open_store",
    "statement",
]
