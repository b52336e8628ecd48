"""Answers the ClickHouse HTTP protocol on loopback for the process that owns a chDB path.

chDB locks its path to one process. Through this endpoint every other process, with the same
unmodified client, reads and writes the store while its owner runs.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import uvicorn

from partywall_collector.store.errors import StoreUnavailable
from partywall_collector.store.execution import Engine
from partywall_collector.store.home import Account, Endpoint, Home
from partywall_collector.store.protocol import application
from partywall_collector.store.store import Store

HOST: Final = "127.0.0.1"
START: Final = 10.0


@contextmanager
def serve(store: Store) -> Generator[Endpoint | None]:
    """Answer for an embedded store while the context lasts; a store elsewhere needs no answer."""
    if store.engine is None:
        yield None
        return
    writer, reader = (Account(name, secrets.token_urlsafe(32)) for name in ("writer", "reader"))
    with _listener() as listener:
        port: int = listener.getsockname()[1]
        app = application(Engine(store.engine, store.home), writer, reader, port)
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        endpoint = Endpoint(HOST, port, os.getpid(), writer, reader)
        with _running(uvicorn.Server(config), listener), Home(store.home).announce(endpoint):
            yield endpoint


def _listener() -> socket.socket:
    """A socket on a free port. asyncio sends small answers at once only if TCP is named here."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((HOST, 0))
    return listener


@contextmanager
def _running(server: uvicorn.Server, listener: socket.socket) -> Generator[None]:
    """The server in a thread of its own; leaving waits for the requests that are under way."""
    thread = threading.Thread(
        target=server.run, args=([listener],), name="partywall-endpoint", daemon=True
    )
    thread.start()
    deadline = time.monotonic() + START
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise StoreUnavailable("the endpoint of the store did not start")
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
