"""Runs one request of the endpoint on a fresh handle of the embedded engine.

A handle costs a third of a millisecond, so nothing that one request sets reaches the next.
"""

import re
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import chdb  # pyright: ignore[reportMissingTypeStubs]  # it ships none

from partywall_collector.envelope import varint
from partywall_collector.machine import of_machine, reader_bytes
from partywall_collector.store.callers import READER, WRITER_WORD, Caller
from partywall_collector.store.guard import (
    NOT_ALLOWED,
    SYNTAX_ERROR,
    Guard,
    Refused,
    not_allowed,
    query_json,
)
from partywall_collector.store.readers import digest
from partywall_collector.store.statement_kind import (
    InsertWithData,
    first_words,
    insert_with_data,
    named_format,
    without_format,
)
from partywall_collector.store.statements import SQL, statement

UNKNOWN_SETTING: Final = 115
MAX_RESULT_BYTES: Final = 1 << 30
PIECE: Final = 1 << 20

# Settings of a query that change no more than how it is answered and how much it may use.
_ANSWERING: Final = re.compile(
    r"max_(execution_time|result_rows|result_bytes|threads|block_size)|result_overflow_mode"
    r"|output_format_(?!schema)\w+|format_csv_\w+|extremes|date_time_(input|output)_format"
    r"|session_timezone|join_use_nulls|prefer_column_name_to_alias"
    r"|cast_string_to_dynamic_use_inference|cancel_http_readonly_queries_on_client_close"
)
# Limits of what is read count the rows of others too.
_READING: Final = re.compile(r"max_(rows_to_read|bytes_to_read|memory_usage)|read_overflow_mode")
_WRITING: Final = re.compile(
    r"input_format_\w+|format_\w+|(min_)?(max_)?insert_\w+|min_insert_\w+|async_insert"
    r"|deduplicate_\w+|max_partitions_per_insert_block|materialized_views_ignore_errors"
    r"|parallel_view_processing|short_circuit_function_evaluation|mutations_sync|alter_sync"
    r"|wait_for_async_insert"
)
# What surrounds a tenant's rows is not told: how many others there are, and in which partitions.
_OF_TENANTS: Final = {
    "use_partition_pruning": "0",
    "optimize_use_implicit_projections": "0",
    "output_format_write_statistics": "0",
}
MAX_TENANT_SECONDS: Final = 60
"""A statement of a tenant's reader may run so long; it can ask for less."""
# And so much disk it may take for what does not fit into its memory.
_TENANT_SCRATCH: Final = {"max_temporary_data_on_disk_size_for_query": str(1 << 30)}
# Formats whose pieces, one after the other, are the whole; of others each piece has a head.
_STREAMED: Final = frozenset(
    {
        "native", "rowbinary", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv",
        "jsoneachrow", "jsonlines", "ndjson", "jsoncompacteachrow",
    }
)  # fmt: skip
_QUERIES: Final = frozenset({(b"SELECT",), (b"WITH",), (b"FROM",)})
# What lasts for a session only; every request has a handle of its own.
_OF_SESSIONS: Final = frozenset({(b"SET",), (b"USE",), (b"CREATE", b"TEMPORARY")})
SESSION_NOT_FOUND: Final = 372
_NOT_STREAMED: Final = "Streaming query is not supported"
# Errors that speak of the statement. Of any other a tenant is told the code: the text may hold a
# value of a row, or of a partition, that is not its own.
_HINT: Final = re.compile(r"\s*Maybe you meant.*?(\?|\]\.?)", re.DOTALL)
"""The engine knows tables of like names, also those that a tenant may not know of."""

_ABOUT_THE_STATEMENT: Final = frozenset(
    {
        42,
        43,
        46,
        47,
        48,
        60,
        SYNTAX_ERROR,
        81,
        UNKNOWN_SETTING,
        158,
        159,
        164,
        215,
        396,
        NOT_ALLOWED,
    }
)
_CODE: Final = re.compile(r"Code: (\d+)")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for; `whole` asks for an answer that is held back until it is complete."""

    sql: bytes
    caller: Caller
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    database: str = ""
    default_format: str = "TabSeparated"
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The result as bytes of a format; without a format the statement has no result.

    `pieces` holds a handle of the engine until it is used up or closed, and may raise `Refused`.
    """

    pieces: Generator[bytes]
    form: str
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0


class Engine:
    """The embedded engine as the endpoint uses it."""

    def __init__(self, location: str, scratch: Path) -> None:
        self._location = location
        self._scratch = scratch
        with self._handle() as handle:
            self._guard = Guard(handle)

    def reader(self, user: str, password: str) -> Caller | None:
        """The tenant's reader with this name and password, if there is one now."""
        params = {"reader": user, "sha256": digest(password)}
        with self._handle() as handle:
            handle.query(f"SET log_comment = '{WRITER_WORD}'")
            try:
                rows = query_json(handle, statement(SQL, "readers/find_reader"), params)
            except Exception:  # a name that is no text for the engine is nobody's
                return None
        return Caller(tenant=str(rows[0][0])) if rows else None

    def run(self, request: Request) -> Answer:
        """Run a request up to its first piece; raises `Refused`."""
        with ExitStack() as undo, _translated(request.caller):
            _check_settings(request)
            handle = undo.enter_context(self._handle())
            if request.database not in ("", "default"):
                if request.caller.tenant:
                    raise not_allowed(f"the database {request.database}")
                handle.query(f"USE {_identifier(request.database)}")
            insert = insert_with_data(request.sql) if request.caller.writes else None
            if insert:
                return self._insert(handle, insert, request.settings)
            return self._query(handle, request, undo)

    @contextmanager
    def _handle(self) -> Generator[Any]:
        handle: Any = chdb.connect(self._location)  # pyright: ignore[reportUnknownMemberType]  # as above
        try:
            yield handle
        finally:
            handle.close()

    def _insert(self, handle: Any, insert: InsertWithData, settings: Mapping[str, str]) -> Answer:
        handle.query(f"SET log_comment = '{WRITER_WORD}'")
        clauses = [insert.settings.decode()] if insert.settings else []
        with (
            tempfile.NamedTemporaryFile(dir=self._scratch, prefix=".insert.") as file,
            self._schema_in_file(settings) as settings,
        ):
            clauses += [f"{name} = {_literal(value)}" for name, value in settings.items()]
            file.write(insert.data)
            file.flush()
            sql = f"{insert.head.decode()} FROM INFILE {_literal(file.name)}"
            if clauses:
                sql += f" SETTINGS {', '.join(clauses)}"
            result: Any = handle.query(f"{sql} FORMAT {insert.form.decode()}", "TabSeparated")
        return Answer(_one(b""), "", written_rows=result.rows_read())

    @contextmanager
    def _schema_in_file(self, settings: Mapping[str, str]) -> Generator[Mapping[str, str]]:
        """The settings with a format schema that is given as text in a file of the scratch folder.

        Of a text, chDB makes a file of its own in the working directory, and leaves it there.
        """
        if settings.get("format_schema_source") != "string":
            yield settings
            return
        given = dict(settings)
        del given["format_schema_source"]
        message = given.pop("format_schema_message_name", "")
        with tempfile.NamedTemporaryFile(
            dir=self._scratch, prefix=".schema.", suffix=".proto"
        ) as file:
            file.write(given.get("format_schema", "").encode())
            file.flush()
            yield given | {"format_schema": f"{file.name}:{message}"}

    def _query(self, handle: Any, request: Request, undo: ExitStack) -> Answer:
        if not request.sql.strip():
            raise Refused("Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)", SYNTAX_ERROR)
        if {first_words(request.sql, count) for count in (1, 2)} & _OF_SESSIONS:
            raise Refused(
                f"Code: {SESSION_NOT_FOUND}. DB::Exception: the endpoint keeps no session: send "
                "settings and the database with each request, and name tables that are not "
                "temporary. (SESSION_NOT_FOUND)",
                SESSION_NOT_FOUND,
            )
        form = named_format(request.sql) or request.default_format
        streamed = (
            not request.whole and form.lower() in _STREAMED and first_words(request.sql) in _QUERIES
        )
        for name, value in request.settings.items():
            handle.query(f"SET {name} = {_literal(value)}")
        asked = request.settings.get("max_result_bytes", "")
        if not streamed and not (asked.isdecimal() and 0 < int(asked) <= MAX_RESULT_BYTES):
            handle.query(f"SET max_result_bytes = {MAX_RESULT_BYTES}")
        if request.caller.tenant:
            for name, value in (_OF_TENANTS | _most_of_tenant(request.settings)).items():
                handle.query(f"SET {name} = {value}")
        handle.query(f"SET log_comment = {_literal(request.caller.word)}")
        sql = request.sql.decode()
        if not request.caller.writes:
            handle.query("SET readonly = 1")  # last: from here on nothing can be set
            sql, _ = self._guard.checked(handle, sql, request.params, request.caller)
        if streamed:
            with suppress(_CannotStream):
                return self._streamed(handle, request, sql, form, undo)
        result: Any = handle.query(sql, form, params=dict(request.params))
        body: bytes = result.bytes() or b""
        if not body and form == "Native":
            body = _empty_native(handle, request)
        answer = Answer(_one(body), form if body else "", result.rows_read(), result.bytes_read())
        return Answer(_one(body), answer.form) if request.caller.tenant else answer

    def _streamed(
        self, handle: Any, request: Request, sql: str, form: str, undo: ExitStack
    ) -> Answer:
        try:
            result: Any = handle.send_query(sql, form, params=dict(request.params))
        except Exception as error:
            if _NOT_STREAMED in str(error):
                raise _CannotStream from None
            raise
        pieces: Iterator[Any] = iter(result)
        first = next(pieces, None)
        head: bytes = first.bytes() if first else b""
        if not head and form == "Native":
            head = _empty_native(handle, request)
        held = undo.pop_all()
        held.callback(result.close)

        def stream() -> Generator[bytes]:
            with held, _translated(request.caller):
                yield from _cut(head)
                for piece in pieces:
                    yield from _cut(piece.bytes())

        return Answer(stream(), form if head else "")


class _CannotStream(Exception):
    """The engine answers this statement only as a whole."""


def _one(body: bytes) -> Generator[bytes]:
    yield body


def _cut(body: bytes) -> Generator[bytes]:
    """A block of the engine may be large; what is sent at once need not be."""
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


@contextmanager
def _translated(caller: Caller) -> Generator[None]:
    """Turn the engine's errors into refusals, and tell a tenant no value in them."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:  # chDB has no class of its own for every failure
        found = _CODE.search(str(error))
        code = int(found[1]) if found else 1002
        text = str(error)
        if caller.tenant:
            text = _HINT.sub("", text)
        if caller.tenant and code not in _ABOUT_THE_STATEMENT:
            text = (
                f"Code: {code}. DB::Exception: the statement failed while it ran; what the engine "
                "says of it may hold values of other tenants and is not shown"
            )
        raise Refused(text, code) from error


def _check_settings(request: Request) -> None:
    for name in request.settings:
        known = (
            _ANSWERING.fullmatch(name)
            or (request.caller == READER and _READING.fullmatch(name))
            or (request.caller.writes and (_READING.fullmatch(name) or _WRITING.fullmatch(name)))
        )
        if not known:
            raise Refused(
                f"Code: {UNKNOWN_SETTING}. DB::Exception: the endpoint does not take the setting "
                f"{name!r}. (UNKNOWN_SETTING)",
                UNKNOWN_SETTING,
            )


def _most_of_tenant(asked: Mapping[str, str]) -> dict[str, str]:
    """What a tenant's statement may take: nothing that others need for loading and looking."""
    seconds = asked.get("max_execution_time", "")
    less = seconds.isdecimal() and 0 < int(seconds) < MAX_TENANT_SECONDS
    return _TENANT_SCRATCH | {
        "max_execution_time": seconds if less else str(MAX_TENANT_SECONDS),
        "max_memory_usage": str(reader_bytes(of_machine())),
    }


def _empty_native(handle: Any, request: Request) -> bytes:
    """A block of no rows with the names and types of a query, which chDB leaves out."""
    try:
        columns = query_json(
            handle, f"DESCRIBE ({without_format(request.sql).decode()}\n)", dict(request.params)
        )
    except RuntimeError:
        return b""  # not a SELECT: it has no columns
    block = varint(len(columns)) + varint(0)
    for name, kind, *_rest in columns:
        block += b"".join(varint(len(text)) + text for text in (name.encode(), kind.encode()))
    return block


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _identifier(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
