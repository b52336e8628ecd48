"""Runs one request of the endpoint on a fresh handle of the embedded engine.

A handle costs a third of a millisecond, so nothing that one request sets reaches the next.
"""

import json
import re
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import chdb  # pyright: ignore[reportMissingTypeStubs]  # it ships none

from partywall_collector.envelope import varint
from partywall_collector.store.statement_kind import (
    InsertWithData,
    insert_with_data,
    named_format,
    without_format,
)

SYNTAX_ERROR: Final = 62
NOT_ALLOWED: Final = 497
UNKNOWN_SETTING: Final = 115
MAX_RESULT_BYTES: Final = str(1 << 30)

# Settings of a query that change no more than how it is answered and how much it may use.
_READING: Final = re.compile(
    r"max_(execution_time|result_rows|result_bytes|rows_to_read|bytes_to_read|threads|block_size"
    r"|memory_usage)|(result|read)_overflow_mode|output_format_\w+|format_csv_\w+|extremes"
    r"|date_time_(input|output)_format|session_timezone|join_use_nulls|prefer_column_name_to_alias"
    r"|cast_string_to_dynamic_use_inference|cancel_http_readonly_queries_on_client_close"
)
_WRITING: Final = re.compile(
    r"input_format_\w+|format_\w+|(min_)?(max_)?insert_\w+|min_insert_\w+|async_insert"
    r"|deduplicate_\w+|max_partitions_per_insert_block|materialized_views_ignore_errors"
    r"|parallel_view_processing|mutations_sync|alter_sync|wait_for_async_insert"
)
# Statements that a reader may run, as the engine's own parser names them.
_READER_STATEMENTS: Final = ("Select", "Show", "Exists", "Describe", "Explain")
_HARMLESS_TABLE_FUNCTIONS: Final = frozenset(
    {
        "format", "generaterandom", "generateseries", "generate_series", "input", "merge",
        "mergetreeindex", "null", "numbers", "numbers_mt", "primes", "values", "view", "zeros",
        "zeros_mt",
    }
)  # fmt: skip
_CODE: Final = re.compile(r"Code: (\d+)")


class Refused(Exception):
    """The engine, or the endpoint itself, refuses a request."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for."""

    sql: bytes
    writes: bool
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    database: str = ""
    default_format: str = "TabSeparated"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result as bytes of a format; without a format the statement has no result."""

    body: bytes
    form: str
    read_rows: int
    read_bytes: int
    written_rows: int


class Engine:
    """The embedded engine as the endpoint uses it."""

    def __init__(self, location: str, scratch: Path) -> None:
        self._location = location
        self._scratch = scratch
        with self._handle() as handle:
            names = _json(handle, "SELECT lower(name) FROM system.table_functions")
        self._denied = {str(row[0]) for row in names} - _HARMLESS_TABLE_FUNCTIONS

    def run(self, request: Request) -> Answer:
        """Run a request; raises `Refused`."""
        try:
            _check_settings(request)
            with self._handle() as handle:
                if request.database not in ("", "default"):
                    handle.query(f"USE {_identifier(request.database)}")
                insert = insert_with_data(request.sql) if request.writes else None
                if insert:
                    return self._insert(handle, insert, request.settings)
                return self._query(handle, request)
        except Refused:
            raise
        except Exception as error:  # chDB has no class of its own for every failure
            found = _CODE.search(str(error))
            raise Refused(str(error), int(found[1]) if found else 1002) from error

    @contextmanager
    def _handle(self) -> Generator[Any]:
        handle: Any = chdb.connect(self._location)  # pyright: ignore[reportUnknownMemberType]  # as above
        try:
            yield handle
        finally:
            handle.close()

    def _insert(self, handle: Any, insert: InsertWithData, settings: Mapping[str, str]) -> Answer:
        handle.query("SET log_comment = 'writer'")
        clauses = [insert.settings.decode()] if insert.settings else []
        clauses += [f"{name} = {_literal(value)}" for name, value in settings.items()]
        with tempfile.NamedTemporaryFile(dir=self._scratch, prefix=".insert.") as file:
            file.write(insert.data)
            file.flush()
            sql = f"{insert.head.decode()} FROM INFILE {_literal(file.name)}"
            if clauses:
                sql += f" SETTINGS {', '.join(clauses)}"
            result: Any = handle.query(f"{sql} FORMAT {insert.form.decode()}", "TabSeparated")
        return Answer(b"", "", 0, 0, result.rows_read())

    def _query(self, handle: Any, request: Request) -> Answer:
        handle.query(f"SET max_result_bytes = {MAX_RESULT_BYTES}")
        for name, value in request.settings.items():
            handle.query(f"SET {name} = {_literal(value)}")
        handle.query(f"SET log_comment = '{'writer' if request.writes else 'reader'}'")
        if not request.writes:
            handle.query("SET readonly = 1")  # last: from here on nothing can be set
            self._check_reader(handle, request)
        if not request.sql.strip():
            raise Refused("Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)", SYNTAX_ERROR)
        form = named_format(request.sql) or request.default_format
        result: Any = handle.query(request.sql.decode(), form, params=dict(request.params))
        body: bytes = result.bytes() or b""
        if not body and form == "Native":
            body = _empty_native(handle, request)
        return Answer(body, form if body else "", result.rows_read(), result.bytes_read(), 0)

    def _check_reader(self, handle: Any, request: Request) -> None:
        """Refuse what `readonly` lets through: writing to and reading from files, killing queries.

        The engine's own parser says what a statement is, so there is no second reading of SQL.
        """
        sql = request.sql.decode()
        text: str = _json(
            handle, "SELECT formatQuerySingleLine({sql:String})", {"sql": _escaped(sql)}
        )[0][0]
        if "INTO OUTFILE" in text:
            raise _not_allowed("INTO OUTFILE")
        tree = str(handle.query(f"EXPLAIN AST {text}", "TSVRaw", params=dict(request.params)))
        lines = tree.strip().splitlines()
        if not lines or not lines[0].startswith(_READER_STATEMENTS):
            raise _not_allowed("this statement")
        for line in lines:
            kind, _, name = line.strip().partition(" ")
            name = name.split(" ")[0].lower()
            if (kind == "Function" and name in self._denied) or (
                kind == "Identifier" and name == "file"
            ):
                raise _not_allowed(f"{name}()")


def _check_settings(request: Request) -> None:
    for name in request.settings:
        if not (_READING.fullmatch(name) or (request.writes and _WRITING.fullmatch(name))):
            raise Refused(
                f"Code: {UNKNOWN_SETTING}. DB::Exception: the endpoint does not take the setting "
                f"{name!r}. (UNKNOWN_SETTING)",
                UNKNOWN_SETTING,
            )


def _empty_native(handle: Any, request: Request) -> bytes:
    """A block of no rows with the names and types of a query, which chDB leaves out."""
    try:
        columns = _json(
            handle, f"DESCRIBE ({without_format(request.sql).decode()}\n)", dict(request.params)
        )
    except RuntimeError:
        return b""  # not a SELECT: it has no columns
    block = varint(len(columns)) + varint(0)
    for name, kind, *_rest in columns:
        block += b"".join(varint(len(text)) + text for text in (name.encode(), kind.encode()))
    return block


def _json(handle: Any, sql: str, params: Mapping[str, str] | None = None) -> list[list[Any]]:
    result = handle.query(f"{sql} FORMAT JSONCompact", "JSONCompact", params=dict(params or {}))
    return json.loads(result.bytes())["data"]


def _not_allowed(what: str) -> Refused:
    return Refused(
        f"Code: {NOT_ALLOWED}. DB::Exception: reader: {what} is not allowed here. (ACCESS_DENIED)",
        NOT_ALLOWED,
    )


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _identifier(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _escaped(text: str) -> str:
    """A text as ClickHouse reads a query parameter."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
