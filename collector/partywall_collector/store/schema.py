"""Makes the tables, functions and views of a store, and refuses the tables of another version."""

import hashlib

from partywall_collector.store.connection import Client, translated
from partywall_collector.store.errors import StoreUnavailable, StoreVersionMismatch
from partywall_collector.store.statements import statements

VERSION = 1
"""Rises whenever a table changes; functions and views are simply made anew."""

SQL = "partywall_collector.sql"


def prepare(client: Client, where: str) -> None:
    """Make what is missing and bring functions and views up to date."""
    with translated():
        found = _found(client)
        if found is None:
            for text in statements(SQL, "tables").values():
                client.command(text)
            found = (VERSION, "")
        _check(found[0], where)
        functions, views = statements(SQL, "functions"), statements(SQL, "views")
        rendering = _digest(functions | views)
        if found[1] == rendering:
            return
        for text in functions.values():
            client.command(text)
        for name in views:
            client.command(f"DROP VIEW IF EXISTS {name} SYNC")
        for text in views.values():
            client.command(text)
        client.command(
            "INSERT INTO schema_version (version, rendering) VALUES ({version:UInt32}, {text:String})",
            parameters={"version": VERSION, "text": rendering},
        )


def check(client: Client, where: str) -> None:
    """Refuse a store that is empty or has the tables of another version."""
    with translated():
        found = _found(client)
    if found is None:
        raise StoreUnavailable(
            f"the store {where} is empty; load something first, for example with `partywall demo`"
        )
    _check(found[0], where)


def _found(client: Client) -> tuple[int, str] | None:
    """The version of the tables and the digest of the functions and views that are there."""
    if not client.command("EXISTS TABLE schema_version"):
        return None
    rows = client.query(
        "SELECT version, rendering FROM schema_version ORDER BY recorded_at DESC LIMIT 1"
    ).result_rows
    return (int(rows[0][0]), str(rows[0][1])) if rows else (VERSION, "")


def _check(version: int, where: str) -> None:
    if version != VERSION:
        raise StoreVersionMismatch(
            f"the store {where} has tables of version {version}, this Partywall needs version "
            f"{VERSION}; use the Partywall that made it, or another --store and `partywall replay`"
        )


def _digest(texts: dict[str, str]) -> str:
    return hashlib.sha256("\x00".join(texts.values()).encode()).hexdigest()[:16]


def put_key(client: Client, key: str) -> None:
    """Give the engine the key of the fingerprints; an engine that has another one is refused."""
    with translated():
        known = client.query("SELECT DISTINCT value FROM fingerprint_key").result_rows
        if not known:
            client.command(
                "INSERT INTO fingerprint_key VALUES ({key:String})", parameters={"key": key}
            )
        elif [row[0] for row in known] != [key]:
            raise StoreUnavailable(
                "this store makes its fingerprints with another key than the one in fingerprint.key "
                "of the home folder; copy that file from the first collector's home"
            )
