"""Connections to the engine: the one place that imports clickhouse_connect."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from partywall_collector.store.errors import QueryFailed, StoreUnavailable

SIZE = 4
AUTHENTICATION_FAILED = 516

__all__ = ["Client", "Pool", "connect", "translated"]


def connect(where: str, **how: Any) -> Client:
    """Open a client; `where` names the store in an error."""
    try:
        return clickhouse_connect.get_client(tz_mode="aware", **how)  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped
    except ClickHouseError as error:
        if isinstance(error, OperationalError):
            raise StoreUnavailable(f"the store {where} does not answer: {error}") from None
        if error.code == AUTHENTICATION_FAILED:
            raise StoreUnavailable(f"the store {where} refuses this user or password") from None
        raise StoreUnavailable(f"the store {where} cannot be opened: {error}") from None


@contextmanager
def translated() -> Iterator[None]:
    """Turn the client's errors into the store's."""
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailable(f"the store does not answer: {error}") from error
    except ClickHouseError as error:
        raise QueryFailed(str(error), error.code or 0) from error


class Pool:
    """A few clients, opened when they are needed: one client runs one statement at a time."""

    def __init__(self, open_client: Callable[[], Client], size: int = SIZE) -> None:
        self._open_client = open_client
        self._size = size
        self._free = threading.Semaphore(size)
        self._idle: list[Client] = []
        self._closed = False

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for one statement; waits while all are busy."""
        with self._free:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            client = self._idle.pop() if self._idle else self._open_client()
            try:
                with translated():
                    yield client
            finally:
                self._idle.append(client)

    def close(self) -> None:
        """Close every client once its statement is done."""
        for _ in range(self._size):
            self._free.acquire()
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        self._free.release(self._size)
