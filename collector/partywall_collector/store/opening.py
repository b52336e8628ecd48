"""Opens a store: the embedded engine, the endpoint of the process that owns it, or a server."""

import os
import time
from contextlib import ExitStack
from functools import partial
from typing import Final, Literal
from urllib.parse import urlencode

from partywall_collector.store import schema
from partywall_collector.store.answering import answer_later
from partywall_collector.store.connection import Connection, Pool
from partywall_collector.store.errors import StoreUnavailable
from partywall_collector.store.home import Endpoint, Home
from partywall_collector.store.row_policies import engine_configuration
from partywall_collector.store.store import Store
from partywall_collector.store.url import Embedded, Server, parse

Role = Literal["owner", "writer", "reader"]

PATIENCE: Final = 10.0
"""Seconds to wait for the owner of a chDB path to answer, or for a short command to end."""


def open_store(url: str, *, role: Role = "writer", as_it_is: bool = False) -> Store:
    """Open a store.

    `owner` takes a chDB path for itself and fails at once where it is in use. `writer` and `reader`
    go through the owner's endpoint where there is one; else they open the path themselves, and
    answer for it if they keep it open. Owner and writer make the tables; a reader refuses a store
    that has none. `as_it_is` looks at no version and makes nothing, for a look or a migration.
    """
    place = parse(url)
    home = Home(place.home)
    with ExitStack() as undo:
        engine: str | None = None
        if isinstance(place, Server):
            another = partial(_server, place)
        elif endpoint := _owner(home, role):
            another = partial(_endpoint, endpoint, role)
        else:
            undo.callback(home.unlock)
            options = {"config-file": _engine_configuration(home)}
            another = partial(_engine, place, options, role)
            engine = f"{os.path.realpath(home.data)}?{urlencode(options)}"
        pool = Pool(another(), another)
        undo.callback(pool.close)
        with pool.connection() as connection:
            if as_it_is:
                pass
            elif role == "reader":
                schema.check(connection, url)
            else:
                home.make()
                schema.prepare(connection, url)
                schema.put_keys(connection, home.fingerprint_keys())
        store = Store(url, home.path, pool, engine, undo.pop_all())
    if role != "owner":
        answer_later(store)
    return store


def _owner(home: Home, role: Role) -> Endpoint | None:
    """Where the owner of a chDB path answers; None if this process has just become the owner."""
    if role == "reader" and not home.data.exists():
        raise StoreUnavailable(
            f"there is no store at {home.path}; load something first, for example with "
            f"`partywall demo`, or name another one with --store"
        )
    home.make()
    deadline = time.monotonic() + PATIENCE
    while not home.lock():
        if role == "owner":
            raise home.in_use()
        if endpoint := home.endpoint():
            return endpoint
        if time.monotonic() > deadline:
            raise home.in_use()
        time.sleep(0.05)
    return None


def _engine(place: Embedded, options: dict[str, str], role: Role) -> Connection:
    """A handle of the embedded engine in this process."""
    if role == "reader":
        settings = {"log_comment": "reader", "readonly": "1"}
    else:
        settings = {"log_comment": "writer"}
    return Connection(
        str(place.home),
        interface="chdb",
        path=str(place.home / "data"),
        settings=settings,
        chdb_options=options,
    )


def _endpoint(endpoint: Endpoint, role: Role) -> Connection:
    """A client of the process that owns the chDB path."""
    account = endpoint.reader if role == "reader" else endpoint.writer
    return Connection(
        f"at {endpoint.host}:{endpoint.port}",
        host=endpoint.host,
        port=endpoint.port,
        username=account.user,
        password=account.password,
        autogenerate_session_id=False,
    )


def _server(place: Server) -> Connection:
    return Connection(
        f"at {place.host}:{place.port}",
        host=place.host,
        port=place.port,
        username=place.user,
        password=place.password,
        database=place.database,
        secure=place.secure,
        autogenerate_session_id=False,
    )


def _engine_configuration(home: Home) -> str:
    """Write the engine's configuration into the home folder and return its path."""
    path = home.path / "engine.xml"
    path.write_text(engine_configuration(home.path), encoding="utf-8")
    return str(path)
