"""Opening a store, and what stands in the way; rows in and out."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from partywall_collector.store import (
    BadStoreUrl,
    QueryFailed,
    Store,
    StoreInUse,
    StoreUnavailable,
    StoreVersionMismatch,
    open_store,
    statement,
)
from partywall_collector.store.facade import serve
from partywall_collector.store.schema import VERSION
from partywall_collector.store.url import Server, parse

HOLD = """
import sys
from partywall_collector.store import open_store
with open_store(sys.argv[1], role="owner"):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_owner(url: str) -> Generator[subprocess.Popen[bytes]]:
    """A process that has the store open, until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.stdin.close()


def test_rows_come_back_as_they_were_inserted(store: Store) -> None:
    """Times, bytes of ids, nested lists, large numbers, quotes and line ends."""
    trace = bytes(range(240, 256))
    row = {
        "tenant_id": "acme",
        "trace_id": trace,
        "span_id": b'\x00"\\\n\xff\r\t\x01',
        "tool": "say 'müller'\n",
        "start_time": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "datasets": [{"id": "s3://a", "operation": "read"}],
        "values_in": [0, 2**64 - 1],
        "failed": True,
    }
    store.insert("calls", [row])
    sql = f"SELECT {', '.join(row)} FROM calls WHERE trace_id = unhex({{trace:String}})"
    assert store.rows(sql, {"trace": trace.hex()}) == [row]


def test_half_a_character_spoils_no_other_row(store: Store) -> None:
    """A text that is none is told by a mark; ids of other rows keep their bytes."""
    trace = bytes(range(240, 256))
    whole = {"tenant_id": "acme", "trace_id": trace, "tool": "müller"}
    store.insert("calls", [whole, {"tenant_id": "acme", "tool": "half \ud83d"}])
    rows = store.rows("SELECT tenant_id, trace_id, tool FROM calls ORDER BY tool DESC")
    assert rows == [whole, {"tenant_id": "acme", "trace_id": bytes(16), "tool": "half ?"}]


def test_inserting_nothing_does_nothing(store: Store) -> None:
    """No rows is no error."""
    store.insert("calls", [])
    assert store.rows("SELECT * FROM calls") == []


def test_an_unknown_column_is_an_error(store: Store) -> None:
    """A misspelt key never becomes a row with a default in it."""
    with pytest.raises(QueryFailed, match="tenantid"):
        store.insert("tenants", [{"tenantid": "acme"}])


def test_a_statement_that_the_engine_refuses_says_why(store: Store) -> None:
    """The error carries ClickHouse's code."""
    with pytest.raises(QueryFailed, match="nosuch") as caught:
        store.rows("SELECT nosuch")
    assert caught.value.code == 47


def test_threads_run_side_by_side(store: Store) -> None:
    """A slow statement does not hold up the others."""
    sleep = "SELECT sleepEachRow(0.05) FROM numbers(6)"
    threads = [threading.Thread(target=store.rows, args=(sleep,)) for _ in range(4)]
    store.rows("SELECT 1")
    before = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - before < 4 * 0.3


def test_a_closed_store_says_so(store: Store) -> None:
    """Nothing hangs and nothing crashes."""
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.rows("SELECT 1")


def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    """The tables are made once; the key of the fingerprints stays the same."""
    url = f"chdb://{tmp_path / 'deep' / 'home'}"
    with open_store(url) as store:
        store.insert("tenants", [{"tenant_id": "acme", "placement": "acme"}])
        key = store.rows("SELECT value FROM fingerprint_keys")
    with open_store(url, role="owner") as store:
        assert store.rows("SELECT tenant_id FROM current_tenants") == [{"tenant_id": "acme"}]
        assert store.rows("SELECT value FROM fingerprint_keys") == key


def test_a_home_is_for_its_owner_alone(store: Store) -> None:
    """Other users of the machine read neither the data nor the key."""
    assert store.home.stat().st_mode & 0o077 == 0
    assert (store.home / "fingerprint.key").stat().st_mode & 0o077 == 0


def test_a_store_in_use_is_refused_with_the_owner_named(home: Path) -> None:
    """A second owner fails at once; it does not wait and it does not break the first."""
    url = f"chdb://{home}"
    with (
        another_owner(url) as process,
        pytest.raises(StoreInUse, match=f"process {process.pid} "),
    ):
        open_store(url, role="owner")
    open_store(url, role="owner").close()


def test_a_writer_waits_for_a_short_command_to_end(home: Path) -> None:
    """Two registry commands at the same time do not fail, they take turns."""
    url = f"chdb://{home}"
    with another_owner(url) as process:
        assert process.stdin is not None
        threading.Timer(0.3, process.stdin.close).start()
        with open_store(url) as store:
            assert store.rows("SELECT 1 AS one") == [{"one": 1}]


def test_a_command_that_keeps_a_store_open_answers_for_it(store: Store) -> None:
    """A dashboard that somebody left open does not lock the other commands out."""
    store.close()
    with open_store(store.url, role="reader") as first, open_store(store.url) as second:
        second.insert("tenants", [{"tenant_id": "acme", "placement": "acme"}])
        assert first.rows("SELECT tenant_id FROM tenants") == [{"tenant_id": "acme"}]
    open_store(store.url, role="owner").close()


def test_a_store_whose_owner_was_killed_opens(home: Path) -> None:
    """Neither its lock nor the endpoint that it announced outlives it."""
    url = f"chdb://{home}"
    with another_owner(url) as process:
        account = {"user": "writer", "password": "x"}
        endpoint = {"host": "127.0.0.1", "port": 1, "pid": process.pid}
        text = json.dumps(endpoint | {"writer": account, "reader": account})
        (home / "endpoint.json").write_text(text)
        process.kill()
    with open_store(url) as store:
        assert store.rows("SELECT 1 AS one") == [{"one": 1}]
    assert not (home / "endpoint.json").exists()


def test_a_store_of_another_version_is_refused(store: Store) -> None:
    """Both versions are named, and the way out."""
    store.insert("schema_version", [{"version": 7, "recorded_at": datetime.now(UTC)}])
    store.close()
    with pytest.raises(
        StoreVersionMismatch, match=rf"version 7, .* version {VERSION}; .* new --store"
    ):
        open_store(store.url)
    with pytest.raises(StoreVersionMismatch):
        open_store(store.url, role="reader")


def test_a_schema_that_was_not_finished_is_completed(store: Store) -> None:
    """A process that was killed while it made the tables leaves nothing that is in the way."""
    store.command("DROP VIEW route_calls")
    store.command("DROP TABLE quarantine")
    store.command("TRUNCATE TABLE schema_version")
    store.close()
    with open_store(store.url) as again:
        assert again.rows("SELECT count() AS n FROM quarantine") == [{"n": 0}]
        assert again.rows("EXISTS VIEW route_calls") == [{"result": 1}]


def test_the_settings_of_a_table_follow_what_this_build_wants(store: Store) -> None:
    """A store that an older build made syncs what it acknowledges, as a new one does."""
    store.command("ALTER TABLE approvals MODIFY SETTING fsync_after_insert = 0")
    store.insert("schema_version", [{"version": VERSION, "rendering": "of an older build"}])
    store.close()
    sql = "SELECT create_table_query AS text FROM system.tables WHERE name = 'approvals'"
    with open_store(store.url) as again:
        assert "fsync_after_insert = 1" in again.rows(sql)[0]["text"]


def test_a_reader_needs_a_store_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    """There is nothing to read where nothing was stored, and no folder is made for it."""
    with pytest.raises(StoreUnavailable, match="there is no store"):
        open_store(f"chdb://{tmp_path / 'none'}", role="reader")
    assert not (tmp_path / "none").exists()
    store.close()
    with open_store(store.url, role="reader") as reader:
        assert reader.rows("SELECT count() AS n FROM fingerprint_keys") == [{"n": 0}]
        with pytest.raises(QueryFailed):
            reader.command("DROP TABLE spans")


def test_a_key_that_is_damaged_is_refused(store: Store) -> None:
    """Fingerprints under another key would meet none of those that are stored."""
    store.close()
    (store.home / "fingerprint.key").write_text("short")
    with pytest.raises(StoreUnavailable, match=r"fingerprint.key: line 1 is no key"):
        open_store(store.url)
    os.unlink(store.home / "fingerprint.key")
    open_store(store.url).close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://user:secret@host", "'postgres://host' is no store"),
        ("data.db", "is no store"),
        ("clickhouse://host:99999", "Port out of range"),
        ("clickhouse://host/db?tls=1", "unknown option 'tls'"),
    ],
)
def test_a_bad_url_is_refused_with_the_forms_that_exist(url: str, said: str) -> None:
    """The password in it is not repeated."""
    with pytest.raises(BadStoreUrl, match=said.replace("?", r"\?")) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_server_url_is_read_whole() -> None:
    """User, password with escapes, port by default, database, TLS and the local home."""
    assert parse("clickhouse://me:p%40ss@host/db?secure=true&home=/var/pw") == Server(
        home=Path("/var/pw"),
        host="host",
        port=8443,
        user="me",
        password="p@ss",
        database="db",
        secure=True,
    )


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    """The error names the address, and no password is in it."""
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1 does not answer") as caught:
        open_store(f"clickhouse://me:secret@127.0.0.1:1/db?home={tmp_path}")
    assert "secret" not in str(caught.value)


def test_a_statement_is_the_text_of_its_file() -> None:
    """Packages keep their SQL beside them."""
    assert "CREATE TABLE" in statement("partywall_collector.sql", "tables/spans")


def test_a_store_is_announced_only_while_it_answers(store: Store) -> None:
    """What is under way ends first; afterwards nobody is sent to a port that is gone."""
    with serve(store):
        assert (store.home / "endpoint.json").exists()
        reader = open_store(store.url, role="reader")
    assert not (store.home / "endpoint.json").exists()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        reader.rows("SELECT 1")
