"""What `partywall store init|check|migrate|ddl` make, find and print; the engine reads it all."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from partywall_collector.commands.store import main
from partywall_collector.registry.model import KINDS
from partywall_collector.store import Store, StoreVersionMismatch, open_store
from partywall_collector.store.access import operator_statements, tenant_statements
from partywall_collector.store.checking import missing
from partywall_collector.store.ddl import Cluster, columns, made, set_again, single, statements_of

OLD = Path(__file__).parent / "fixtures" / "tables_of_version_2.sql"
CLUSTER = Cluster("main 'eu'")


def test_the_engine_parses_every_statement_for_a_cluster_and_every_role(store: Store) -> None:
    """Names that need quotes included; each `{macro}` and name is where it belongs."""
    texts = [*statements_of(CLUSTER)]
    for cluster in (None, CLUSTER):
        texts += [*operator_statements(cluster), *tenant_statements("o'hara`\\", cluster)]
        texts += [set_again(each[0], cluster) for each in made("tables", cluster).values()]
    for text in filter(None, texts):
        (row,) = store.rows("SELECT formatQuery({sql:String}) AS sql", {"sql": text})
        assert row["sql"]
    assert all("ON CLUSTER 'main \\'eu\\''" in text for text in statements_of(CLUSTER))
    policies = [text for text in tenant_statements("acme", CLUSTER) if "ROW POLICY" in text]
    assert [text for text in policies if " ON spans_local FOR SELECT" in text]
    assert not [text for text in policies if re.search(r" ON (spans|calls) ", text)]


def test_a_cluster_shards_what_is_a_tenants_and_copies_the_rest() -> None:
    """Rows in Replicated tables; the name that views write to and people read is Distributed."""
    texts = "\n".join(statements_of(CLUSTER))
    assert not re.search(r"ENGINE = MergeTree\b", texts)
    assert "non_replicated_deduplication_window" not in texts
    distributed = re.findall(r"TABLE IF NOT EXISTS (\w+) ON CLUSTER [^\n]* AS \w+_local\n", texts)
    assert set(distributed) == {
        name for name in single("tables") if {"placement", "tenant_id"} <= {*columns(name)}
    } - {"tenants", "decoded"}
    assert "'/clickhouse/tables/{shard}/{database}/spans', '{replica}'" in texts
    assert "'/clickhouse/tables/all/{database}/tenants', '{shard}-{replica}'" in texts


def test_what_somebody_is_told_of_is_on_disk_before() -> None:
    """Tables that a request or a command writes are synced; what is worked out anew need not be."""
    synced = {name for name, text in single("tables").items() if "fsync_after_insert = 1" in text}
    told = {*KINDS, "identifier_kinds", "issuers", "placement_limits", "readers", "responses"}
    assert synced == told | {"calls", "quarantine", "requests", "segments", "spans"}
    made_again = {"analyses", "drills", "fingerprint_keys", "ledger", "schema_version"}
    assert {*single("tables")} - synced == made_again | {"decoded", "ingest"}
    assert all("fsync_part_directory = 1" in single("tables")[name] for name in synced), (
        "the names of the files too"
    )


def test_the_columns_of_a_table_are_those_that_the_engine_sees(store: Store) -> None:
    """So that a check compares what is with what should be."""
    for table in single("tables"):
        rows = store.rows(f"DESCRIBE {table}")
        assert tuple(row["name"] for row in rows) == columns(table)


def test_a_check_names_what_is_missing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; nothing is repaired by looking."""
    assert missing(store) == []
    store.command("ALTER TABLE segments DROP COLUMN bytes")
    store.command("ALTER TABLE segments ADD COLUMN mine String")
    store.command("DROP VIEW otel_traces")
    store.command("DROP FUNCTION partywall_kept")
    store.command("DROP TABLE tools")
    store.close()
    expected = [
        "segments has no column bytes",
        "segments has a column mine of its own",
        "the table tools is missing",
        "the view otel_traces is missing",
        "the function partywall_kept is missing",
    ]
    for _ in range(2):
        assert main(["check", "--json", "--store", store.url]) == 1
        assert json.loads(capsys.readouterr().out) == {"missing": expected}


def test_a_store_is_made_and_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that is not there is no store, for a check and for a migration."""
    url = f"chdb://{tmp_path / 'new'}"
    for command in ("check", "migrate"):
        assert main([command, "--store", url]) == 2
        assert "there is no store" in capsys.readouterr().err
    assert main(["init", "--store", url]) == 0
    assert "is ready" in capsys.readouterr().out
    assert main(["check", "--store", url]) == 0


def test_an_older_store_is_brought_up_with_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also after a crash between the steps; afterwards it has what a new store has."""
    url = f"chdb://{tmp_path / 'old'}"
    with open_store(url, as_it_is=True) as store:
        for text in OLD.read_text().split(";\n\n"):
            store.command(text.rstrip(";\n"))
        store.insert("tenants", [{"tenant_id": "acme", "placement": "acme"}])
        store.insert("schema_version", [{"version": 2, "rendering": "x"}])
    with pytest.raises(StoreVersionMismatch, match="partywall store migrate"):
        open_store(url)
    assert main(["check", "--store", url]) == 1
    assert "the tables are of version 2, not" in capsys.readouterr().out
    with open_store(url, as_it_is=True) as store:  # killed after the first step
        store.command("ALTER TABLE tenants ADD COLUMN retention_days UInt32 AFTER store_content")
    assert main(["migrate", "--store", url]) == 0
    assert "done: 003_tenants" in capsys.readouterr().out
    assert main(["migrate", "--json", "--store", url]) == 0
    assert json.loads(capsys.readouterr().out) == {"missing": [], "steps": []}
    with open_store(url) as store:
        assert store.rows("SELECT tenant_id, retention_days FROM tenants") == [
            {"tenant_id": "acme", "retention_days": 0}
        ]
        for table in single("tables"):
            found = tuple(row["name"] for row in store.rows(f"DESCRIBE {table}"))
            assert found == columns(table), table
        assert _indexes(store) >= set(re.findall(r"INDEX (\w+)", single("tables")["calls"]))


def _indexes(store: Store) -> set[str]:
    found = store.rows("SELECT name FROM system.data_skipping_indices WHERE table = 'calls'")
    return {row["name"] for row in found}


def test_a_newer_store_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody makes it older."""
    store.insert(
        "schema_version", [{"version": 99, "recorded_at": datetime(2099, 1, 1, tzinfo=UTC)}]
    )
    store.close()
    assert main(["migrate", "--store", store.url]) == 2
    assert "newer than this Partywall" in capsys.readouterr().err


def test_the_statements_are_printed_for_a_client(capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other; as JSON, a list."""
    assert main(["ddl", "--roles", "--tenant", "acme"]) == 0
    text = capsys.readouterr().out
    assert "ON spans FOR SELECT USING tenant_id = 'acme' TO `partywall_tenant_acme`;" in text
    assert not re.search(r"ON (quarantine|ledger|principals) .*partywall_tenant_", text)
    assert "ON CLUSTER" not in text
    assert main(["ddl", "--cluster", "main", "--path", "/ch", "--json"]) == 0
    assert "'/ch/{shard}/" in capsys.readouterr().out
