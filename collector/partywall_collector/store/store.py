"""A store: statements in, rows out, whether the engine is in this process or on a server."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from partywall_collector.store.connection import Pool

INSERT_SETTINGS: Final = {
    "async_insert": "0",
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": "0",
}


class Store:
    """Open one with `open_store`. Thread-safe; a few statements run at the same time."""

    def __init__(
        self, url: str, home: Path, pool: Pool, on_close: Callable[[], None] = lambda: None
    ) -> None:
        self.url = url
        self.home = home
        self._pool = pool
        self._on_close = on_close
        self._closed = False

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a query and return its rows by column name; `{name:Type}` in it is bound."""
        with self._pool.connection() as connection:
            return connection.rows(sql, params)

    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns nothing."""
        with self._pool.connection() as connection:
            connection.command(sql, params)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows; the keys are the table's columns, what is left out takes its default."""
        if not rows:
            return
        body = b"\n".join(_encoded(row) for row in rows)
        with self._pool.connection() as connection:
            connection.append(table, body, form="JSONEachRow", settings=INSERT_SETTINGS)

    def close(self) -> None:
        """Let running statements end and give the store back."""
        if not self._closed:
            self._closed = True
            self._pool.close()
            self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _encoded(row: Mapping[str, Any]) -> bytes:
    """A row as JSON; bytes stand in it as they are, which ClickHouse reads into FixedString."""
    text = json.dumps(row, default=_plain, ensure_ascii=False)
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, which no text of the store has
        return text.encode("utf-8", "replace")


def _plain(value: object) -> object:
    """What JSON lacks: times, bytes and sets."""
    match value:
        case datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return aware.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case set() | frozenset():
            return sorted(value)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]  # any
        case _:
            raise TypeError(f"a row holds {type(value).__name__}, which has no place in a table")
