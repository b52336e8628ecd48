"""Readers of one tenant: made, listed, taken back; their passwords are stored as digests only."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from partywall_collector.store.errors import StoreError
from partywall_collector.store.statements import SQL, statement
from partywall_collector.store.store import Store

RESERVED: Final = frozenset({"writer", "reader", "default"})


class ReaderRefused(StoreError):
    """A reader that cannot be made or taken back; the text says why and the way out."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who may read the rows of one tenant, and since when."""

    reader_id: str
    tenant_id: str
    recorded_at: datetime


def readers(store: Store) -> list[Reader]:
    """Who may read now."""
    return [Reader(**row) for row in store.rows(statement(SQL, "readers/list_readers"))]


def add_reader(store: Store, tenant: str, name: str) -> str:
    """Make a reader, or give one a new password; returns the password, which is kept nowhere."""
    if name in RESERVED or not name or ":" in name:
        raise ReaderRefused(f"a reader cannot be called {name!r}; choose another --name")
    known = {row["tenant_id"] for row in store.rows("SELECT tenant_id FROM current_tenants")}
    if tenant not in known:
        raise ReaderRefused(
            f"no tenant {tenant!r} is registered; `partywall registry load FILE` adds one"
        )
    for reader in readers(store):
        if reader.reader_id == name and reader.tenant_id != tenant:
            raise ReaderRefused(
                f"{name!r} reads the rows of {reader.tenant_id!r} already; choose another --name"
            )
    password = secrets.token_urlsafe(32)
    _write(store, name, tenant, digest(password))
    return password


def remove_reader(store: Store, name: str) -> None:
    """Take the access back; the reader's next request is refused."""
    for reader in readers(store):
        if reader.reader_id == name:
            _write(store, name, reader.tenant_id, "")
            return
    raise ReaderRefused(f"there is no reader {name!r}; `partywall store reader list` names them")


def digest(password: str) -> str:
    """What is stored of a password: it is 32 random bytes, so that no guess needs slowing down."""
    return hashlib.sha256(password.encode()).hexdigest()


def _write(store: Store, name: str, tenant: str, sha256: str) -> None:
    row = {"reader_id": name, "tenant_id": tenant, "password_sha256": sha256}
    store.insert("readers", [row | {"recorded_at": datetime.now(UTC)}])
