"""A store: statements in, rows out, whether the engine is in this process or on a server."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from partywall_collector.store import schema
from partywall_collector.store.connection import Pool
from partywall_collector.store.home import Home

INSERT_SETTINGS: Final = {
    "async_insert": "0",
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": "0",
}

LOAD_VERSION: Final = "1"
"""Rises with LOAD_SETTINGS: another way to cut blocks must not meet the tokens of the old one."""

ENVELOPE: Final = files("partywall_collector.sql") / "envelope.proto"

SERVER_SCHEMA: Final = {
    "format_schema_source": "string",
    "format_schema": ENVELOPE.read_text("utf-8"),
    "format_schema_message_name": "Envelope",
}

EMBEDDED_SCHEMA: Final = {"format_schema": f"{ENVELOPE}:Envelope"}
"""From a text, chDB would make a cache in the working directory, which may not be writable."""

PATTERN: Final = frozenset("*?{}[]")
"""In the name of a file the engine takes these for a pattern of names."""

LOAD_SETTINGS: Final = {
    # One segment is one block in one thread, so that the same token always means the same parts.
    "max_threads": "1",
    "max_insert_threads": "1",
    "max_insert_block_size": "100000000",
    "min_insert_block_size_rows": "100000000",
    "min_insert_block_size_bytes": "0",
    "max_partitions_per_insert_block": "0",
    "insert_deduplicate": "1",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "materialized_views_ignore_errors": "0",
    "parallel_view_processing": "0",
    # A value that several branches use would be computed once for each of them.
    "short_circuit_function_evaluation": "disable",
    "async_insert": "0",
}


class Store:
    """Open one with `open_store`. Thread-safe; a few statements run at the same time."""

    def __init__(
        self, url: str, home: Path, pool: Pool, engine: str | None, at_close: ExitStack
    ) -> None:
        self.url = url
        self.home = home
        self.engine = engine
        """Where chDB finds the data, if this process owns it; see `facade.serve`."""
        self.at_close = at_close
        """What is undone when the store is closed, the last first."""
        self._pool = pool

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a query and return its rows by column name; `{name:Type}` in it is bound."""
        with self._pool.connection() as connection:
            return connection.rows(sql, params)

    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns nothing."""
        with self._pool.connection() as connection:
            connection.command(sql, params)

    def put_keys(self) -> None:
        """Give the engine the fingerprint keys of the home folder, after they have changed."""
        with self._pool.connection() as connection:
            schema.put_keys(connection, Home(self.home).fingerprint_keys())

    def declare(self, kinds: str) -> None:
        """Look for these kinds of identifiers, JSON lines, and for no others that were declared.

        No spans may be loaded meanwhile.
        """
        self.insert("identifier_kinds", [{"declared": kinds}])
        with self._pool.connection() as connection:
            schema.prepare(connection, self.url)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows; the keys are the table's columns, what is left out takes its default."""
        if not rows:
            return
        body = _encoded(rows)
        with self._pool.connection() as connection:
            connection.append(table, body, form="JSONEachRow", settings=INSERT_SETTINGS)

    def load(self, body: BinaryIO | bytes, *, token: str, memory: int = 0) -> None:
        """Load one segment: length-delimited envelopes, routed to the tables by the engine.

        The same body under the same token adds nothing the second time. A load that needs more
        than `memory` bytes of the engine fails and may leave rows behind; 0 sets no bound.
        """
        settings = _load_settings(self.url, token, memory)
        with self._pool.connection() as connection:
            connection.append("ingest", body, form="Protobuf", settings=settings)

    def load_file(self, path: Path, *, token: str, memory: int = 0) -> None:
        """`load` of a segment in a file, which the embedded engine reads where it lies."""
        if not self.engine or PATTERN.intersection(str(path)):
            with path.open("rb") as body:
                self.load(body, token=token, memory=memory)
            return
        settings = _load_settings(self.url, token, memory)
        with self._pool.connection() as connection:
            connection.append_file("ingest", path, form="Protobuf", settings=settings)

    def close(self) -> None:
        """Let running statements end and give the store back."""
        self.at_close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _load_settings(url: str, token: str, memory: int) -> Mapping[str, str]:
    schema = EMBEDDED_SCHEMA if url.startswith("chdb:") else SERVER_SCHEMA
    bound = {"max_memory_usage": str(memory)} if memory else {}
    named = {"insert_deduplication_token": f"{LOAD_VERSION}-{token}"}
    return LOAD_SETTINGS | schema | bound | named


def _encoded(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as JSON; bytes stand in it as they are, which ClickHouse reads into FixedString."""
    try:
        return _json(rows).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, which no text of the store has
        return b"\n".join(_readable(_json(row)) for row in rows)


def _readable(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _json(value: object) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


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
