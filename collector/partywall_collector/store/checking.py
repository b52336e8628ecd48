"""Says what a store lacks of what this version expects, and brings an older one up to it."""

from typing import Final

from partywall_collector.store import schema
from partywall_collector.store.altering import alter
from partywall_collector.store.ddl import columns, single
from partywall_collector.store.errors import StoreVersionMismatch
from partywall_collector.store.statements import SQL, statements
from partywall_collector.store.store import Store

_TABLES: Final = "SELECT name, engine FROM system.tables WHERE database = currentDatabase()"
_COLUMNS: Final = (
    "SELECT table, groupArray(name) AS names FROM system.columns "
    "WHERE database = currentDatabase() GROUP BY table"
)
_FUNCTIONS: Final = "SELECT name FROM system.functions WHERE origin = 'SQLUserDefined'"

OLDEST: Final = min(int(name[:3]) for name in statements(SQL, "migrations"))
"""The first version that there is a step to."""


def missing(store: Store) -> list[str]:
    """What is not as this version makes it, one line each; empty for a store that is whole."""
    version = schema.version_of(store)
    if version is None:
        return ["there are no tables; `partywall store init` makes them"]
    found: list[str] = []
    if version != schema.VERSION:
        found.append(f"the tables are of version {version}, not {schema.VERSION}")
    present = {row["name"] for row in store.rows(_TABLES)}
    having = {row["table"]: set(row["names"]) for row in store.rows(_COLUMNS)}
    functions = {row["name"] for row in store.rows(_FUNCTIONS)}
    for table in single("tables"):
        if table not in present:
            found.append(f"the table {table} is missing")
            continue
        wanted = set(columns(table))
        found += [
            f"{table} has no column {name}" for name in columns(table) if name not in having[table]
        ]
        found += [
            f"{table} has a column {name} of its own" for name in sorted(having[table] - wanted)
        ]
    found += [f"the view {name} is missing" for name in single("views") if name not in present]
    found += [
        f"the function {name} is missing" for name in single("functions") if name not in functions
    ]
    if not found and not schema.is_current(store):
        found.append("functions or views are of another build; the next open puts them in place")
    return found


def migrate(store: Store) -> list[str]:
    """Run the steps that an older store lacks; returns their names. Safe to run again."""
    version = schema.version_of(store)
    if version is None or version == schema.VERSION:
        return []
    if version > schema.VERSION:
        raise StoreVersionMismatch(
            f"the store {store.url} has tables of version {version}, newer than this Partywall "
            f"({schema.VERSION}); upgrade Partywall, or name another --store"
        )
    steps = {
        name: text
        for name, text in statements(SQL, "migrations").items()
        if version < int(name[:3]) <= schema.VERSION
    }
    if version < OLDEST - 1:
        raise StoreVersionMismatch(
            f"the store {store.url} has tables of version {version}; steps exist from version "
            f"{OLDEST - 1} on: name a new --store and load it again"
        )
    for text in steps.values():
        alter(store, text)
    store.insert("schema_version", [{"version": schema.VERSION, "rendering": ""}])
    return list(steps)
