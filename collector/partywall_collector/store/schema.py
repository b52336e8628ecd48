"""Makes the tables, functions and views of a store, and refuses the tables of another version."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol

from partywall.declared import BadKinds, parse
from partywall.fingerprint_keys import Keys
from partywall.identifiers import BUILT_IN, Kinds
from partywall_collector.store.altering import cluster_of
from partywall_collector.store.connection import Connection
from partywall_collector.store.ddl import KINDS, made, on_cluster, set_again, single
from partywall_collector.store.errors import StoreUnavailable, StoreVersionMismatch

VERSION: Final = 6
"""Rises when a table that keeps rows changes.

A new table, one that keeps no row (engine Null), a function or a view is made at the next open, and
the settings of a table are brought up to date.
"""

LATEST: Final = 2**32 - 1
"""Stands for a key without an end."""


def prepare(connection: Connection, where: str) -> None:
    """Make what is missing and bring functions and views up to date."""
    _check(_version(connection), where)
    kinds = kinds_of(connection)
    rendering = _digest(kinds)
    if _rendering(connection) == rendering:
        return
    is_older = _newest(connection) is not None
    cluster = cluster_of(connection)
    tables, functions, views = (made(kind, cluster, kinds) for kind in KINDS)
    everywhere = on_cluster(cluster)
    for name in views:
        connection.command(f"DROP VIEW IF EXISTS {name}{everywhere} SYNC")
    for name, texts in tables.items():
        if texts[0].endswith("ENGINE = Null"):
            connection.command(f"DROP TABLE IF EXISTS {name}{everywhere} SYNC")
        for text in texts:
            connection.command(text)
        if is_older and (changed := set_again(texts[0], cluster)):
            connection.command(changed)
    for text in itertools.chain(*functions.values(), *views.values()):
        connection.command(text)
    connection.command(
        "INSERT INTO schema_version (version, rendering) VALUES ({version:UInt32}, {text:String})",
        {"version": VERSION, "text": rendering},
    )


class Rows(Protocol):
    """What runs a query: a connection or a store."""

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]: ...


def version_of(store: Rows) -> int | None:
    """The version of the tables; None where there are none."""
    row = _newest(store)
    return row[0] if row else None


def is_current(store: Rows) -> bool:
    """Whether tables, functions and views are those that this build makes."""
    return _newest(store) == (VERSION, _digest(kinds_of(store)))


def kinds_of(store: Rows) -> Kinds:
    """The kinds of identifiers that the store looks for: our own, and those that are declared."""
    return _compiled(declared_in(store))


def declared_in(store: Rows) -> str:
    """The kinds that are declared, as JSON lines."""
    if store.rows("EXISTS TABLE identifier_kinds") == [{"result": 0}]:
        return ""
    rows = store.rows("SELECT declared FROM identifier_kinds ORDER BY put_at DESC LIMIT 1")
    return rows[0]["declared"] if rows else ""


@lru_cache(maxsize=8)
def _compiled(text: str) -> Kinds:
    try:
        return Kinds(parse(text)) if text else BUILT_IN
    except BadKinds as error:
        raise StoreUnavailable(
            f"the table identifier_kinds declares what this Partywall cannot read: {error}; use "
            "the Partywall that declared them"
        ) from None


def check(connection: Connection, where: str) -> None:
    """Refuse a store that is empty or has the tables of another version."""
    _check(_version(connection), where)
    if not _rendering(connection):
        raise StoreUnavailable(
            f"the store {where} is empty; load something first, for example with `partywall demo`"
        )


def put_keys(connection: Connection, keys: Keys) -> None:
    """Give the engine the keys of the fingerprints; they may follow those that it has.

    An engine whose newest key is none of ours is refused: the keys that we hold are older.
    """
    ours = [
        {
            "value": key.secret.hex(),
            "begins": _moment(key.begins),
            "ends": _moment(key.ends),
            "results_from": _moment(key.results_from),
            "results_until": _moment(key.results_until),
        }
        for key in keys
    ]
    known = connection.rows(
        "SELECT * EXCEPT put_at FROM fingerprint_keys "
        "WHERE put_at = (SELECT max(put_at) FROM fingerprint_keys) ORDER BY begins"
    )
    if known == ours:
        return
    if known and known[-1]["value"] not in [row["value"] for row in ours]:
        raise StoreUnavailable(
            "this store makes its fingerprints with another key than fingerprint.key of the home "
            "folder holds; copy that file from the home of the collector that is already running"
        )
    put_at = datetime.now(UTC).isoformat()
    body = "\n".join(json.dumps(row | {"put_at": put_at}) for row in ours)
    settings = {"date_time_input_format": "best_effort"}
    connection.append("fingerprint_keys", body.encode(), form="JSONEachRow", settings=settings)


def _moment(seconds: float) -> int:
    """A moment as a column of seconds holds it."""
    return int(min(max(seconds, 0), LATEST))


def _check(version: int, where: str) -> None:
    if version != VERSION:
        way_out = (
            "`partywall store migrate` brings it up"
            if version < VERSION
            else "use the Partywall that made it, or name a new --store and load it again"
        )
        raise StoreVersionMismatch(
            f"the store {where} has tables of version {version}, this Partywall needs version "
            f"{VERSION}; {way_out}"
        )


def _version(connection: Connection) -> int:
    """The version of the tables; that of a store without tables is the one it will get."""
    row = _newest(connection)
    return int(row[0]) if row else VERSION


def _rendering(connection: Connection) -> str:
    """The digest of the statements that made the store; empty if it was not made to the end."""
    row = _newest(connection)
    return row[1] if row else ""


def _newest(connection: Rows) -> tuple[int, str] | None:
    if connection.rows("EXISTS TABLE schema_version") == [{"result": 0}]:
        return None
    rows = connection.rows(
        "SELECT version, rendering FROM schema_version ORDER BY recorded_at DESC LIMIT 1"
    )
    return (rows[0]["version"], rows[0]["rendering"]) if rows else None


def _digest(kinds: Kinds) -> str:
    texts = [text for kind in KINDS for text in single(kind, kinds).values()]
    return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:16]
