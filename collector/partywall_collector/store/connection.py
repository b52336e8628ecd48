"""Connections to the engine: the one place that imports clickhouse_connect."""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from partywall_collector.store.errors import QueryFailed, StoreError, StoreUnavailable
from partywall_collector.store.rendering import quoted

SIZE = 4
AUTHENTICATION_FAILED = 516

Parameters = Mapping[str, Any]


class Connection:
    """One client of the engine, in this process or over HTTP; it runs one statement at a time."""

    def __init__(self, where: str, **how: Any) -> None:
        try:
            client: Any = clickhouse_connect.get_client(tz_mode="aware", **how)  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped
        except ClickHouseError as error:
            raise _not_opened(where, error) from error
        self._client = client

    def rows(self, sql: str, params: Parameters | None = None) -> list[dict[str, Any]]:
        """Run a query; its rows by column name."""
        with _translated():
            result = self._client.query(sql, parameters=dict(params or {}))
            return cast("list[dict[str, Any]]", list(result.named_results()))

    def command(self, sql: str, params: Parameters | None = None) -> None:
        """Run a statement that returns nothing."""
        with _translated():
            self._client.command(sql, parameters=dict(params or {}))

    def append(
        self, table: str, body: BinaryIO | bytes, *, form: str, settings: Mapping[str, str]
    ) -> None:
        """Insert a body that is written in one of ClickHouse's formats."""
        with _translated():
            self._client.raw_insert(table, insert_block=body, fmt=form, settings=dict(settings))

    def append_file(
        self, table: str, path: Path, *, form: str, settings: Mapping[str, str]
    ) -> None:
        """Insert what a file holds; the embedded engine alone reads files of this machine.

        In the name of the file `*`, `?` and braces would stand for other names.
        """
        chosen = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
        with _translated():
            self._client.command(
                f"INSERT INTO {table} FROM INFILE {quoted(str(path))} COMPRESSION 'none'"
                f" SETTINGS {chosen} FORMAT {form}"
            )

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class Pool:
    """A few connections, opened when they are needed, so that threads run side by side."""

    def __init__(self, first: Connection, another: Callable[[], Connection]) -> None:
        self._another = another
        self._free = threading.Semaphore(SIZE)
        self._idle = [first]
        self._closed = False

    @contextmanager
    def connection(self) -> Generator[Connection]:
        """A connection for one statement; waits while all are busy."""
        with self._free:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            connection = self._idle.pop() if self._idle else self._another()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        """Close every connection once its statement is done."""
        for _ in range(SIZE):
            self._free.acquire()
        self._closed = True
        while self._idle:
            self._idle.pop().close()
        self._free.release(SIZE)


@contextmanager
def _translated() -> Generator[None]:
    """Turn the client's errors into the store's."""
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailable(f"the store does not answer: {error}") from error
    except ClickHouseError as error:
        raise QueryFailed(str(error), _code(error)) from error
    except UnicodeError as error:
        raise QueryFailed(f"a parameter is no text that can be sent: {error}") from error


def _not_opened(where: str, error: ClickHouseError) -> StoreError:
    if _code(error) == AUTHENTICATION_FAILED:
        return StoreUnavailable(f"the store {where} refuses this user or password")
    if isinstance(error, OperationalError):
        return StoreUnavailable(f"the store {where} does not answer: {error}")
    return StoreUnavailable(f"the store {where} cannot be opened: {error}")


def _code(error: ClickHouseError) -> int:
    return getattr(error, "code", None) or 0
