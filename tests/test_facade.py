"""Another process reads and writes an embedded store through its owner, with the stock client."""

import asyncio
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from partywall_collector.envelope import Envelope, frame
from partywall_collector.store import QueryFailed, Store, StoreUnavailable, execution, open_store
from partywall_collector.store.compression import decompressed
from partywall_collector.store.facade import serve
from partywall_collector.store.home import Account, Endpoint
from partywall_collector.store.statement_kind import insert_with_data


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An owned store that answers; one for all tests of this file."""
    home = tmp_path_factory.mktemp("facade")
    with open_store(f"chdb://{home}", role="owner") as store, serve(store):
        store.insert("tenants", [{"tenant_id": "acme", "placement": "acme"}])
        store.insert("principals", [{"principal_id": "p", "token_sha256": "digest"}])
        yield store


@pytest.fixture
def endpoint(owner: Store) -> Endpoint:
    """Where the owner answers."""
    said = json.loads((owner.home / "endpoint.json").read_text())
    writer, reader = Account(**said.pop("writer")), Account(**said.pop("reader"))
    return Endpoint(**said, writer=writer, reader=reader)


def client(endpoint: Endpoint, account: Account) -> Any:
    """The stock client, as anyone would open it."""
    return clickhouse_connect.get_client(  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped
        host=endpoint.host,
        port=endpoint.port,
        username=account.user,
        password=account.password,
    )


ANOTHER_PROCESS = """
import json, sys
import clickhouse_connect
said = json.load(open(sys.argv[1]))
client = clickhouse_connect.get_client(
    host=said["host"], port=said["port"],
    username=said["writer"]["user"], password=said["writer"]["password"],
)
client.command("CREATE TABLE mine (a UInt32, b String) ENGINE = Memory")
client.insert("mine", [[1, "FORMAT CSV"], [2, "it's \\n"]], column_names=["a", "b"])
client.command("INSERT INTO mine VALUES", data="(3, 'c')")
client.command("INSERT INTO mine SELECT 4, 'FORMAT TSV'")
client.raw_insert(
    "mine", ["a", "b"], b"5|e\\n", fmt="CSV", settings={"format_csv_delimiter": "|"}
)
client.command("INSERT INTO mine settings async_insert = 0 FORMAT TSV", data="6\\tf\\n")
rows = client.query("SELECT * FROM mine WHERE a > {a:UInt32} ORDER BY a", parameters={"a": 1})
with client.query_row_block_stream("SELECT number FROM numbers(100000)") as blocks:
    streamed = sum(len(block) for block in blocks)
long = client.query("SELECT length({x:Array(String)})", parameters={"x": ["y" * 99] * 1000})
client.command("DROP TABLE mine")
print(json.dumps([rows.result_rows, streamed, long.result_rows]))
"""


def test_the_stock_client_of_another_process_reads_and_writes(owner: Store) -> None:
    """Commands, inserts of every form, bound parameters short and long, streams."""
    script = [sys.executable, "-c", ANOTHER_PROCESS, str(owner.home / "endpoint.json")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [[2, "it's \n"], [3, "c"], [4, "FORMAT TSV"], [5, "e"], [6, "f"]]
    assert json.loads(done.stdout) == [rows, 100_000, [[1000]]]


def test_opening_a_path_in_use_finds_the_owner(owner: Store) -> None:
    """Reader and writer work on the live store, without being told where it answers."""
    with open_store(owner.url) as writer, open_store(owner.url, role="reader") as reader:
        writer.insert("datasets", [{"pattern": "a", "owner": "acme"}])
        assert reader.rows("SELECT owner FROM datasets") == [{"owner": "acme"}]
        assert reader.rows("SELECT owner FROM datasets WHERE 0") == []


def test_a_server_url_reaches_the_endpoint_too(
    owner: Store, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form for ClickHouse servers, over the same protocol: tables checked, rows, a segment.

    The schema of the segment travels as text, and is not left in the working directory.
    """
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    address = f"{endpoint.host}:{endpoint.port}/default"
    url = f"clickhouse://writer:{endpoint.writer.password}@{address}?home={owner.home}"
    with open_store(url) as store:
        assert store.rows("SELECT tenant_id FROM current_tenants") == [{"tenant_id": "acme"}]
        store.load(b"".join(frame(Envelope("", (), "", 0, b""))), token="1")
    assert list((tmp_path / "work").iterdir()) == []
    with pytest.raises(StoreUnavailable, match=r"with another key than fingerprint\.key"):
        open_store(url.replace(str(owner.home), str(tmp_path / "other")))
    with pytest.raises(StoreUnavailable, match="refuses this user or password"):
        open_store(url.replace("writer:", "nobody:"))


@pytest.mark.parametrize(
    "text", ["", "\\N", "a\tb\n\\t", "'", "\0", "{x:String}", "%s", "é" * 5000]
)
def test_a_bound_parameter_arrives_as_it_is(owner: Store, text: str) -> None:
    """In this process and through the endpoint; nothing in it is taken for SQL."""
    sql = "SELECT {text:String} AS text, {list:Array(String)} AS list"
    with open_store(owner.url, role="reader") as reader:
        for store in (owner, reader):
            assert store.rows(sql, {"text": text, "list": [text]}) == [
                {"text": text, "list": [text]}
            ]
            with pytest.raises(QueryFailed):
                store.rows(sql, {"text": text + "\ud800", "list": []})


def test_an_empty_result_has_its_columns(endpoint: Endpoint) -> None:
    """A table with no rows is still a table."""
    reader = client(endpoint, endpoint.reader)
    result = reader.query("SELECT tenant_id, placement AS p FROM tenants WHERE tenant_id = 'x'")
    assert result.column_names == ("tenant_id", "p")
    assert reader.query("SELECT 1 AS one LIMIT 0").column_names == ("one",)


def test_an_error_has_its_code(endpoint: Endpoint) -> None:
    """A client can tell a missing table from a broken statement."""
    with pytest.raises(DatabaseError, match="nosuch") as caught:
        client(endpoint, endpoint.reader).query("SELECT * FROM nosuch")
    assert caught.value.code == 60


FORBIDDEN = [
    "INSERT INTO tenants (tenant_id) VALUES ('x')",
    "DROP TABLE spans",
    "CREATE TABLE t (a Int8) ENGINE = Memory",
    "SET readonly = 0",
    "SET log_comment = 'writer'",
    "SELECT 1 SETTINGS log_comment = 'writer'",
    "SELECT 1; DROP TABLE spans",
    "KILL QUERY WHERE 1",
    "SELECT * FROM file('{secret}', 'LineAsString')",
    "SELECT file('{secret}')",
    "SELECT `fi\\x6ce`/**/('{secret}')",
    "SELECT arrayMap(file, ['{secret}'])",
    "SELECT * APPLY(file) FROM (SELECT '{secret}' AS path)",
    "SELECT COLUMNS('p') APPLY(x -> file(x)) FROM (SELECT '{secret}' AS path)",
    "SELECT * FROM `{secret}`",
    "DESCRIBE file('{secret}')",
    "SELECT 1 INTO OUTFILE '{written}'",
    "EXPLAIN AST SELECT 1 INTO OUTFILE '{written}'",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "DESCRIBE url('http://127.0.0.1:1/')",
    "SELECT * FROM remote('127.0.0.1', 'default', 'spans')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM python('x')",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_a_reader_only_reads_the_tables(endpoint: Endpoint, tmp_path: Path, sql: str) -> None:
    """It writes nothing, sees no file of the machine and calls nobody."""
    (tmp_path / "secret").write_text("secret of the machine")
    statement = sql.replace("{secret}", str(tmp_path / "secret")).replace(
        "{written}", str(tmp_path / "written")
    )
    with pytest.raises(DatabaseError) as caught:
        client(endpoint, endpoint.reader).raw_query(statement)
    assert "secret of" not in str(caught.value)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("table", ["fingerprint_keys", "current_fingerprint_keys", "principals"])
def test_a_reader_does_not_see_the_secrets(endpoint: Endpoint, owner: Store, table: str) -> None:
    """Neither the fingerprint key nor what proves who sends, by any way around."""
    assert owner.rows(f"SELECT count() AS n FROM {table}") == [{"n": 1}]
    reader = client(endpoint, endpoint.reader)
    for source in (table, f"merge('default', '^{table}$')", f"view(SELECT * FROM {table})"):
        assert reader.query(f"SELECT * FROM {source}").result_rows == []


def test_a_reader_may_read_with_limits_of_its_own(endpoint: Endpoint) -> None:
    """Settings of reading are taken, any other is refused by its name."""
    sql = "SELECT number FROM numbers(10)"
    status, body = post(endpoint, f"{sql} LIMIT 2", endpoint.reader, "?max_execution_time=5")
    assert (status, body) == (200, b"0\n1\n")
    status, body = post(endpoint, sql, endpoint.reader, "?log_comment=writer")
    assert status == 500
    assert b"does not take the setting 'log_comment'" in body


def test_a_wrong_password_is_refused(endpoint: Endpoint) -> None:
    """As is no password; the answer says where to look."""
    for account in (Account("writer", "guess"), Account("", ""), Account("nobody", "x")):
        status, body = post(endpoint, "SELECT 1", account)
        assert status == 403
        assert b"endpoint.json" in body
    with pytest.raises(DatabaseError, match="Authentication failed"):
        client(endpoint, Account("reader", endpoint.writer.password))


def test_a_browser_that_names_another_host_is_refused(endpoint: Endpoint) -> None:
    """A page that resolves its own name to loopback gets nothing, not even a ping."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    connection.request("GET", "/ping", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 403
    connection.close()


def test_a_damaged_body_is_an_error(endpoint: Endpoint) -> None:
    """No crash, and the endpoint goes on answering."""
    for encoding in ("gzip", "lz4", "zstd", "br"):
        status, body = post(
            endpoint, b"\x00\x01", endpoint.writer, headers={"Content-Encoding": encoding}
        )
        assert status == 500
        assert b"CANNOT_DECOMPRESS" in body
    assert post(endpoint, "SELECT 1", endpoint.reader) == (200, b"1\n")
    assert post(endpoint, b"\xff\xfe", endpoint.reader)[0] == 500


def test_the_endpoint_file_is_for_this_user_alone(owner: Store) -> None:
    """It holds the passwords."""
    assert (owner.home / "endpoint.json").stat().st_mode & 0o777 == 0o600


def post(
    endpoint: Endpoint,
    body: str | bytes,
    account: Account,
    query: str = "",
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """A plain request, as curl makes it."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    who = {"X-ClickHouse-User": account.user, "X-ClickHouse-Key": account.password}
    connection.request("POST", f"/{query}", body, who | (headers or {}))
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


@pytest.mark.parametrize(
    ("sql", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"1,2"),
        (b"insert into `FORMAT x` (a, `b)`) format Native\n\x00\n", b"\x00\n"),
        (b"INSERT INTO t SETTINGS a = 'FORMAT CSV' FORMAT TSV\r\nx", b"x"),
        (b"-- INSERT\n/* SELECT */ INSERT INTO t FORMAT CSV 1", b"1"),
        (b"INSERT INTO t SELECT 1 FORMAT CSV", None),
        (b"INSERT INTO t VALUES ('FORMAT CSV')", None),
        (b"INSERT INTO t FORMAT Values (1)", None),
        (b"SELECT 'INSERT INTO t FORMAT CSV\n1'", None),
        (b"", None),
    ],
)
def test_the_data_of_an_insert_is_found(sql: bytes, data: bytes | None) -> None:
    """No word inside a name, a string or a comment is taken for the format."""
    insert = insert_with_data(sql)
    assert (insert.data if insert else None) == data


LONG = "SELECT number, repeat('x', 100) FROM numbers(300000)"


@pytest.mark.parametrize("encoding", ["zstd", "lz4", "gzip", ""])
def test_an_answer_is_compressed_as_the_client_asks(endpoint: Endpoint, encoding: str) -> None:
    """Whole and in pieces; a client that asks for nothing gets plain bytes."""
    plain = post(endpoint, LONG, endpoint.reader)[1]
    for wait in ("", "&wait_end_of_query=1"):
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
        who = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": endpoint.reader.password}
        connection.request(
            "POST",
            f"/?enable_http_compression=1{wait}",
            LONG,
            who | {"Accept-Encoding": f"br, {encoding}"},
        )
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.getheader("Content-Encoding", "") == encoding
        assert decompressed(body, encoding, 1 << 30) == plain
        assert not encoding or len(body) < len(plain) / 5


def test_a_long_answer_is_not_held_in_memory(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces there is no limit, and a client may leave early; a whole answer has one."""
    limit = 1 << 20
    monkeypatch.setattr(execution, "MAX_RESULT_BYTES", limit)
    sql = "SELECT repeat(toString(number), 100) FROM numbers(1000000000) FORMAT RowBinary"
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    who = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": endpoint.reader.password}
    connection.request("POST", "/?max_block_size=8192", sql, who)
    answer = connection.getresponse()
    assert len(answer.read(8 * limit)) == 8 * limit
    answer.close()
    connection.close()
    status, body = post(endpoint, sql, endpoint.reader, "?wait_end_of_query=1")
    assert status == 500
    assert b"TOO_MANY_ROWS_OR_BYTES" in body


def test_an_error_in_mid_stream_reaches_the_client(endpoint: Endpoint) -> None:
    """Rows came already; the client says what went wrong all the same."""
    writer = client(endpoint, endpoint.writer)
    sql = "SELECT throwIf(number = 250000, 'at last') AS n FROM numbers(400000)"
    with writer.query_row_block_stream(sql, settings={"max_block_size": 1000}) as blocks:
        assert next(iter(blocks))
        with pytest.raises(StreamFailureError, match="at last"):
            list(blocks)
    status, body = post(endpoint, sql, endpoint.reader, "?max_block_size=1000")
    assert status == 200
    assert b"at last" in body[-800:]
    assert body.endswith(b"__exception__\r\n")


def test_the_async_client_reads_as_the_other_one_does(endpoint: Endpoint) -> None:
    """Rows, an empty result with its columns, a stream, and several statements at once."""
    pytest.importorskip("aiohttp", reason="the async client of clickhouse-connect needs it")

    async def read() -> list[Any]:
        opening: Any = clickhouse_connect.get_async_client(  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped
            host=endpoint.host,
            port=endpoint.port,
            username="reader",
            password=endpoint.reader.password,
        )
        async with await opening as reader:
            found = await reader.query("SELECT tenant_id FROM tenants")
            empty = await reader.query("SELECT tenant_id FROM tenants WHERE 0")
            size = 0
            async with await reader.query_row_block_stream(LONG) as blocks:
                async for block in blocks:
                    size += len(block)
            many = await asyncio.gather(*(reader.command(f"SELECT {n}") for n in range(12)))
            return [found.result_rows, empty.column_names, size, many]

    said = asyncio.run(read())
    assert said == [[("acme",)], ("tenant_id",), 300_000, list(range(12))]


@pytest.mark.parametrize("sql", ["SET max_threads = 1", "CREATE TEMPORARY TABLE t (a Int8)"])
def test_what_needs_a_session_is_a_clear_error(endpoint: Endpoint, sql: str) -> None:
    """It would be gone with the request, so it is not taken."""
    status, body = post(endpoint, sql, endpoint.writer, "?session_id=mine")
    assert status == 500
    assert b"the endpoint keeps no session" in body


def test_external_data_is_a_clear_error(endpoint: Endpoint) -> None:
    """No table of that name would be there."""
    external = ExternalData(data=b"1\n", file_name="ext", fmt="CSV", structure="a UInt8")
    with pytest.raises(DatabaseError, match="no external data"):
        client(endpoint, endpoint.reader).query("SELECT * FROM ext", external_data=external)


def test_progress_is_told_only_to_who_asks(endpoint: Endpoint) -> None:
    """As one header, with the counts that the engine gives."""
    for asked in (False, True):
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
        who = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": endpoint.reader.password}
        query = "/?wait_end_of_query=1" + "&send_progress_in_http_headers=1" * asked
        connection.request("POST", query, "SELECT sum(number) FROM numbers(1000)", who)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        progress = answer.getheader("X-ClickHouse-Progress")
        assert (progress is not None) is asked
        assert not progress or "read_rows" in json.loads(progress)


def test_a_reader_cannot_have_the_engine_write_a_schema(endpoint: Endpoint, tmp_path: Path) -> None:
    """A format of its own would write the schema that it made up into a file."""
    query = f"?output_format_schema={tmp_path}/made.proto&default_format=Protobuf"
    assert post(endpoint, "SELECT 1 AS a", endpoint.reader, query)[0] == 500
    assert not (tmp_path / "made.proto").exists()
