"""A reader of one tenant obtains nothing of another one, whatever it asks of the endpoint.

In the store each text of a row that is not the reader's own holds one word. Each attack below is
sent to the endpoint, and the word is looked for in all that comes back, headers included.
"""

import http.client
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from two_tenants import CANARY, OTHER, OTHER_ROWS, OWN, plant, tables

from partywall_collector.store import Store, open_store
from partywall_collector.store.facade import serve
from partywall_collector.store.home import Account, Endpoint
from partywall_collector.store.readers import add_reader, remove_reader
from partywall_collector.store.row_policies import tables as policies

# {table} stands for every table, view and table of an analysis that the store has.
ON_EVERY_TABLE: Final = [
    "SELECT * FROM {table}",
    "SELECT * FROM default.`{table}`",
    "SELECT count() FROM {table}",
    "SELECT * FROM {{name:Identifier}}",
    "WITH x AS (SELECT * FROM {table}) SELECT * FROM x",
    "SELECT (SELECT groupArray(tuple(*)) FROM {table})",
    "SELECT 1 WHERE tuple(1) IN {table}",
    "SELECT * FROM merge('default', '^{table}$')",
    "EXPLAIN ESTIMATE SELECT * FROM {table}",
    "SHOW CREATE TABLE {table}",
]

ON_SOME_TABLES: Final = [
    "SELECT * FROM (SELECT * FROM {table})",
    "WITH {table} AS (SELECT 1) SELECT * FROM (SELECT * FROM {table}), default.{table}",
    "SELECT * FROM system.one AS o, {table}",
    "SELECT * FROM system.one AS o LEFT JOIN {table} ON 1 = 1",
    "SELECT 1 IN default.{table}",
    "SELECT * FROM view(SELECT * FROM {table})",
    "SELECT * FROM merge(REGEXP('.*'), '{table}')",
    "SELECT * FROM mergeTreeIndex('default', '{table}', with_marks = 1)",
    "SELECT * FROM mergeTreeProjection('default', '{table}', 'p')",
    "SELECT * FROM remote('127.0.0.1', 'default', '{table}')",
    "SELECT * FROM cluster('default', default.{table})",
    "SELECT * FROM loop({table}) LIMIT 9",
    "SELECT * FROM dictionary('{table}')",
    "SELECT 1 UNION ALL SELECT count() FROM {table}",
    "SELECT toString(tuple(*)) FROM {table} INTERSECT SELECT toString(tuple(*)) FROM {table}",
    "SELECT COLUMNS('.*') APPLY(toString) FROM {table}",
    "SELECT * FROM {table} ORDER BY ALL LIMIT 5 WITH TIES",
    "EXPLAIN indexes = 1 SELECT * FROM {table}",
    "EXPLAIN QUERY TREE SELECT (SELECT groupArray(tuple(*)) FROM {table})",
    "EXPLAIN PIPELINE SELECT * FROM {table}",
    "SHOW INDEXES FROM {table}",
    "SHOW COLUMNS FROM {table}",
    "CHECK TABLE {table}",
    "DESCRIBE {table}",
    "EXISTS {table}",
    "SELECT * FROM {table} FORMAT JSON",
    "SELECT * FROM {table} SETTINGS log_comment = 'writer'",
    "SELECT * FROM {table} SETTINGS additional_table_filters = {{'{table}': '1'}}",
    "SELECT * FROM {table} SETTINGS readonly = 0",
]
SOME: Final = ("calls", "ledger", "analysis_1_calls")

# {other} stands for the id of the other tenant, which an attacker may know.
ONCE: Final = [
    # what the engine knows of its tables
    "SELECT * FROM system.parts",
    "SELECT * FROM system.parts_columns",
    "SELECT * FROM system.tables",
    "SELECT * FROM system.columns",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.part_log",
    "SELECT * FROM system.text_log",
    "SELECT * FROM system.mutations",
    "SELECT * FROM system.query_cache",
    "SELECT * FROM system.row_policies",
    "SELECT * FROM system.dropped_tables_parts",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.metrics",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.detached_parts",
    "SELECT * FROM system.statistics",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT 1 IN system.parts",
    "SELECT * FROM `system`.`parts`",
    "SELECT total_rows FROM system.tables AS `spans`",
    "SHOW TABLES",
    "SHOW DATABASES",
    "SHOW PROCESSLIST",
    "SHOW FUNCTIONS",
    "SHOW SETTINGS LIKE '%'",
    "SHOW GRANTS",
    "SHOW ACCESS",
    "SHOW CREATE ROW POLICY default ON spans",
    # files, addresses, programs
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM file('data/**/*.bin', 'RawBLOB')",
    "SELECT file('/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS v)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS v)",
    "SELECT * REPLACE(file('/etc/passwd') AS v) FROM (SELECT '' AS v)",
    "SELECT 1 ORDER BY 1 WITH FILL FROM 1 TO 3 INTERPOLATE (x AS file('/etc/passwd'))",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM fileCluster('c', '/etc/passwd', 'LineAsString')",
    "SELECT * FROM sqlite('/etc/passwd', 't')",
    "SELECT 1 INTO OUTFILE '/etc/partywall'",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('spans', 'name', 1)",
    "SELECT aiGenerate('x', 'y')",
    # how rows lie in the table
    "SELECT DISTINCT _part, _partition_id, _part_offset FROM spans",
    "SELECT max(_part_offset) FROM spans",
    "SELECT s._block_number FROM spans AS s",
    "SELECT _partition_value FROM spans",
    "SELECT lowCardinalityKeys(name) FROM spans",
    "SELECT lowCardinalityIndices(name) FROM spans",
    "SELECT dumpColumnStructure(name) FROM spans",
    "SELECT blockSerializedSize(name) FROM spans",
    "SELECT rowNumberInAllBlocks() FROM spans",
    "SELECT min(placement), max(placement), count() FROM spans",
    "SELECT DISTINCT placement FROM spans",
    "SELECT count() FROM spans WHERE placement != 'pool-01'",
    "SELECT uniq(tenant_id), min(tenant_id), max(tenant_id) FROM calls",
    "SELECT min(start_time), max(received_at), count() FROM calls",
    "SELECT count() FROM calls PREWHERE tenant_id != 'acme'",
    "SELECT * FROM calls WHERE tenant_id = '{other}'",
    "SELECT * FROM current_tenants WHERE tenant_id = '{other}'",
    "SELECT * FROM calls FINAL",
    "SELECT * FROM calls SAMPLE 1",
    # errors that carry values
    "SELECT * FROM spans WHERE toUInt8(placement) = 3",
    "SELECT * FROM spans WHERE toInt64(reverse(placement)) > 3",
    "SELECT * FROM spans WHERE toDate(placement) > today()",
    "SELECT * FROM spans WHERE CAST(placement, 'Enum8(\\'pool-01\\' = 1)') = 1",
    "SELECT * FROM spans WHERE toUInt64(tenant_id) = 3",
    "SELECT toUInt64(name) FROM spans",
    "SELECT count() FROM spans WHERE throwIf(name LIKE 'zan%')",
    "SELECT * FROM spans PREWHERE toUInt8(session_id) = 3",
    "SELECT * FROM spans ORDER BY toUInt8(name)",
    "SELECT * FROM spans AS a JOIN spans AS b ON toUInt8(a.name) = toUInt8(b.name)",
    "SELECT * FROM calls WHERE toUInt8(arrayJoin(actor_chain)) = 1",
    # tables inside of functions and of other tables
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM ledger))",
    "SELECT * FROM (EXPLAIN indexes = 1 SELECT * FROM spans)",
    "SELECT * FROM viewIfPermitted(SELECT * FROM ledger ELSE null('a String'))",
    "SELECT * FROM numbers((SELECT count() FROM ledger))",
    "SELECT * FROM values('a String', (SELECT groupArray(evidence) FROM ledger))",
    "SELECT * FROM mergeTreeAnalyzeIndexes('default', 'spans')",
    "FROM ledger SELECT *",
    "SELECT COLUMNS(_part, name) FROM spans",
    "SELECT hasColumnInTable('default', 'ledger', 'evidence')",
    "SELECT currentRoles(), enabledRoles(), currentProfiles(), getSetting('log_comment')",
    # other ways to speak
    "SELECT 1; SELECT * FROM calls",
    "SET log_comment = 'writer'",
    "SET readonly = 0",
    "USE system",
    "CREATE TEMPORARY TABLE t AS SELECT * FROM calls",
    "CREATE TABLE t ENGINE = Memory AS SELECT * FROM calls",
    "INSERT INTO tenants (tenant_id) VALUES ('x')",
    "INSERT INTO FUNCTION file('x') SELECT * FROM calls",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "ALTER TABLE spans DELETE WHERE 1",
    "EXECUTE AS default SELECT * FROM calls",
    "GRANT ALL ON *.* TO default",
    "DROP ROW POLICY default ON spans",
    "SELECT getSetting('log_comment'), currentUser()",
    "SELECT * FROM calls PARALLEL WITH SELECT * FROM ledger",
    "EXPLAIN AST SELECT * FROM ledger",
    "/* SELECT */ SHOW TABLES",
    "DESCRIBE (SELECT * FROM ledger)",
    "DESCRIBE TABLE system.parts",
    "SELECT * FROM format('JSONEachRow', '{{\"a\": 1}}')",
    "SELECT * FROM values('a String', 'x')",
]

SETTINGS: Final = [
    {"log_comment": "writer"},
    {"log_comment": f"tenant:{OTHER}"},
    {"readonly": "0"},
    {"additional_table_filters": "{'calls': '1'}"},
    {"additional_result_filter": "1"},
    {"use_query_cache": "1"},
    {"max_rows_to_read": "1"},
    {"max_bytes_to_read": "1"},
    {"max_memory_usage": "1"},
    {"use_partition_pruning": "1"},
    {"output_format_write_statistics": "1"},
    {"send_logs_level": "trace"},
    {"log_queries": "1"},
    {"role": "operator", "quota_key": "x"},
    {"database": "system"},
    {"output_format_schema": "schema.proto", "default_format": "Protobuf"},
    {"format_schema": "x:y"},
    {"param_t": "calls", "log_comment": "reader"},
    {"session_id": "shared"},
    {"user": "writer"},
    {"wait_end_of_query": "1", "default_format": "JSON"},
    {"send_progress_in_http_headers": "1"},
]


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with the rows of two tenants in every table, and its endpoint."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('isolation')}", role="owner") as store:
        plant(store)
        yield store


@pytest.fixture(scope="module")
def endpoint(owner: Store) -> Iterator[Endpoint]:
    with serve(owner) as endpoint:
        assert endpoint is not None
        yield endpoint


@pytest.fixture(scope="module")
def acme(owner: Store) -> Account:
    """The reader of the one tenant."""
    return Account("acme-dashboards", add_reader(owner, OWN, "acme-dashboards"))


def ask(
    endpoint: Endpoint, account: Account, sql: str, settings: dict[str, str] | None = None
) -> tuple[int, str]:
    """The status, and the headers and the body as one text."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    query = {"user": account.user, "password": account.password} | (settings or {})
    connection.request("POST", f"/?{urlencode(query)}", sql.encode())
    answer = connection.getresponse()
    drawn = ("x-clickhouse-query-id", "x-clickhouse-exception-tag")  # random
    head = "\n".join(f"{name}: {value}" for name, value in answer.getheaders() if name not in drawn)
    text = f"{head}\n{answer.read().decode(errors='replace')}"
    connection.close()
    return answer.status, text


def leaks(status: int, text: str) -> bool:
    """Whether an answer tells of the other tenant: its word, its name, or how much it has."""
    counts = [str(OTHER_ROWS + more) for more in range(5)]
    told = [CANARY, CANARY.encode().hex(), *counts] + ([OTHER] if status == 200 else [])
    return any(word in text for word in told)


def test_the_operators_reader_sees_what_is_kept_from_a_tenant(
    owner: Store, endpoint: Endpoint
) -> None:
    """The rows are there, so that the attacks below have something to find."""
    secret = {"fingerprint_keys", "identifier_kinds", "principals", "readers", "schema_version"}
    secret |= {"placement_limits"}  # it holds numbers alone
    for table in {*tables(owner)} - secret - {f"current_{name}" for name in secret}:
        assert leaks(*ask(endpoint, endpoint.reader, f"SELECT * FROM {table}")), table


def test_every_table_with_a_tenant_has_a_rule_of_its_own(owner: Store) -> None:
    """A table that is added later is covered without anyone thinking of it."""
    having = owner.rows(
        "SELECT table FROM system.columns JOIN system.tables AS t ON t.name = table "
        "WHERE database = 'default' AND name = 'tenant_id' AND t.engine LIKE '%MergeTree'"
    )
    ruled = {each.table for each in policies() if each.tenant_column == "tenant_id"}
    assert ruled == {row["table"] for row in having} - {"readers"}
    kept = {each.table for each in policies()}
    assert {name for name in tables(owner) if not name.startswith(("current_", "analysis_"))} - {
        name for name in tables(owner) if name.startswith("otel_")
    } == kept


@pytest.mark.parametrize("attack", ON_EVERY_TABLE + ON_SOME_TABLES)
def test_no_table_tells_a_tenant_of_another(
    owner: Store, endpoint: Endpoint, acme: Account, attack: str
) -> None:
    """By whatever name and through whatever view, function, join or explanation."""
    for table in tables(owner) if attack in ON_EVERY_TABLE else SOME:
        sql = attack.format(table=table)
        answer = ask(endpoint, acme, sql, {"param_name": table})
        assert not leaks(*answer), f"{sql}\n{answer[1][:2000]}"


@pytest.mark.parametrize("attack", ONCE)
def test_nothing_around_the_tables_tells_a_tenant_of_another(
    endpoint: Endpoint, acme: Account, attack: str
) -> None:
    """System tables, files, addresses, the layout of rows, errors, other statements."""
    status, text = ask(endpoint, acme, attack.replace("{other}", OTHER))
    assert not leaks(status, text), text[:2000]
    assert "root:" not in text


def test_an_error_proposes_no_table_of_a_like_name(
    owner: Store, endpoint: Endpoint, acme: Account
) -> None:
    """The engine knows them all; the operator is told."""
    owner.command(f"CREATE TABLE made_for_{CANARY} (a UInt8) ENGINE = Memory")
    misspelt = f"made_for_{CANARY[:-1]}"
    try:
        for sql in (
            f"SELECT * FROM {misspelt}",
            f"SELECT * FROM default.{misspelt}",
            f"SELECT count() FROM (SELECT * FROM {misspelt}) AS x",
            f"DESCRIBE {misspelt}",
        ):
            status, text = ask(endpoint, acme, sql)
            assert status != 200
            assert not leaks(status, text), text
        assert CANARY in ask(endpoint, endpoint.reader, f"SELECT * FROM {misspelt}")[1]
    finally:
        owner.command(f"DROP TABLE made_for_{CANARY}")


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_no_setting_tells_a_tenant_of_another(
    endpoint: Endpoint, acme: Account, settings: dict[str, str]
) -> None:
    """Neither in the address nor under a name that the protocol itself reads."""
    for sql in ("SELECT * FROM calls", "SELECT count() FROM spans", "SELECT * FROM ledger"):
        answer = ask(endpoint, acme, sql, settings)
        assert not leaks(*answer), answer[1][:2000]


def test_a_tenant_sees_its_own_rows_with_the_stock_client(
    owner: Store, endpoint: Endpoint, acme: Account
) -> None:
    """All of them, in every table that has a tenant, with any way to read that the client has."""
    client: Any = clickhouse_connect.get_client(  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped
        host=endpoint.host, port=endpoint.port, username=acme.user, password=acme.password
    )
    for each in policies():
        if each.tenant_column:
            rows = client.query(f"SELECT {each.tenant_column} FROM {each.table}").result_rows
            assert rows == [(OWN,), (OWN,)], each.table
    assert client.query("SELECT count() FROM current_tenants").result_rows == [(1,)]
    assert client.command("SELECT count() FROM calls") == 2
    found = client.query(
        "SELECT tool FROM calls WHERE session_id = {s:String}", parameters={"s": "own1"}
    )
    assert found.result_rows == [("own1",)]
    client.close()


def test_readers_of_two_tenants_do_not_meet_in_a_cache(
    owner: Store, endpoint: Endpoint, acme: Account
) -> None:
    """The same statement from both, again and again, is each time answered from their own rows."""
    globex = Account("globex-r", add_reader(owner, OTHER, "globex-r"))
    for sql, expected in (
        ("SELECT count() FROM calls WHERE tool LIKE '%0%'", 1),
        ("SELECT count() FROM spans WHERE name LIKE '%1' OR name = 'own0'", 2),
    ):
        said = {
            account.user: {ask(endpoint, account, sql)[1].splitlines()[-1] for _ in range(3)}
            for account in (acme, globex, endpoint.reader)
        }
        assert all(len(answers) == 1 for answers in said.values())
        own, other, both = (int(next(iter(answers))) for answers in said.values())
        assert own == expected
        assert own + other == both


def test_a_wrong_partition_is_no_oracle(endpoint: Endpoint, acme: Account) -> None:
    """A statement fails, or not, by the tenant's own rows: who else is there does not matter."""
    for own_value, failing in (("pool-01", False), ("nothing", True)):
        sql = f"SELECT count() FROM spans WHERE CAST(placement, 'Enum8(\\'{own_value}\\' = 1)') = 1"
        status, text = ask(endpoint, acme, sql)
        assert (status != 200) is failing, text


def test_a_reader_that_was_taken_back_is_refused_at_once(owner: Store, endpoint: Endpoint) -> None:
    """As is a new password's old one; a name alone is nothing."""
    first = add_reader(owner, OWN, "short-lived")
    second = add_reader(owner, OWN, "short-lived")
    assert ask(endpoint, Account("short-lived", first), "SELECT 1")[0] == 403
    assert ask(endpoint, Account("short-lived", second), "SELECT 1")[0] == 200
    remove_reader(owner, "short-lived")
    for password in (second, "", "\ud800".encode(errors="replace").decode()):
        assert ask(endpoint, Account("short-lived", password), "SELECT 1")[0] == 403
