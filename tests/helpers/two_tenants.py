"""Rows of two tenants in every table of a store, those of the other one marked with one word."""

import re
from typing import Any, Final

from partywall_collector.store import Store

OWN: Final = "acme"
OTHER: Final = "globex"
CANARY: Final = "zanzibar"
"""Stands in every text of every row that is not of the tenant `acme`."""

OTHER_ROWS: Final = 7013


def tables(store: Store) -> list[str]:
    """Every table and view that can be read."""
    rows = store.rows(
        "SELECT name FROM system.tables WHERE database = 'default' "
        "AND engine NOT IN ('Null', 'MaterializedView') ORDER BY name"
    )
    return [row["name"] for row in rows]


def plant(store: Store, other_rows: int = OTHER_ROWS) -> None:
    """A few rows of `acme`, many of `globex` in its own partition and one in a shared one."""
    for table in tables(store):
        columns = store.rows(
            "SELECT name, type FROM system.columns "
            "WHERE database = 'default' AND table = {t:String}",
            {"t": table},
        )
        if table.startswith(("current_", "otel_")) or table in (
            "schema_version",
            "fingerprint_keys",
            "identifier_kinds",
            "placement_limits",
        ):
            continue
        _insert(store, table, columns, OWN, "own", "pool-01", 2)
        _insert(store, table, columns, OTHER, CANARY, "pool-01", 1)
        many = other_rows if table in ("spans", "calls") else 1
        _insert(store, table, columns, OTHER, CANARY, f"{CANARY}-place", many)
    store.command("CREATE TABLE analysis_1_calls ENGINE = Memory AS SELECT * FROM calls")


def _insert(
    store: Store, table: str, columns: list[dict[str, Any]], tenant: str, word: str,
    placement: str, count: int,
) -> None:  # fmt: skip
    fixed = {"tenant_id": tenant, "placement": placement, "owner": tenant}
    values = {
        column["name"]: f"'{fixed[column['name']]}'"
        if column["name"] in fixed
        else _value(column["type"], word)
        for column in columns
    }
    if "received_at" in values:
        values["received_at"] = "now64(9)"  # what is old may be gone at once
    filled = {name: value for name, value in values.items() if value}
    store.command(
        f"INSERT INTO {table} ({', '.join(filled)}) "
        f"SELECT {', '.join(filled.values())} FROM numbers({count})"
    )


def _value(kind: str, word: str) -> str:
    """An SQL expression of a type with the word in it; empty where it has no text."""
    text = f"concat('{word}', toString(number))"
    if kind in ("String", "LowCardinality(String)"):
        return text
    if size := re.fullmatch(r"FixedString\((\d+)\)", kind):
        return f"toFixedString(substring({text}, 1, {size[1]}), {size[1]})"
    if kind in ("Array(String)", "Array(LowCardinality(String))"):
        return f"[{text}]"
    if kind.startswith("Map(LowCardinality(String)"):
        return f"map({text}, {text})"
    return ""
