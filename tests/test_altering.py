"""Deletions and migrations reach the rows, on one server and on a cluster."""

from pathlib import Path

import pytest

from partywall_collector.store import QueryFailed, Store, open_store, opening
from partywall_collector.store.altering import alter, altered, cluster_of
from partywall_collector.store.ddl import Cluster
from partywall_collector.store.statements import SQL, statement, statements

CLUSTER = Cluster("main_eu", "/ch")
SERVERS = """
    <remote_servers><main_eu><shard><replica>
        <host>127.0.0.1</host><port>9</port>
    </replica></shard></main_eu></remote_servers>
</clickhouse>"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "-- why\nALTER TABLE spans DELETE\nWHERE 1",
            ["-- why\nALTER TABLE spans_local ON CLUSTER 'main_eu' DELETE\nWHERE 1"],
        ),
        (
            "ALTER TABLE calls ADD COLUMN IF NOT EXISTS x UInt8 AFTER tool",
            [
                f"ALTER TABLE {name} ON CLUSTER 'main_eu' "
                "ADD COLUMN IF NOT EXISTS x UInt8 AFTER tool"
                for name in ("calls_local", "calls")
            ],
        ),
        ("ALTER TABLE ledger DELETE WHERE 1", ["ALTER TABLE ledger DELETE WHERE 1"]),
        (
            "DROP TABLE IF EXISTS fingerprint_key",
            ["DROP TABLE IF EXISTS fingerprint_key ON CLUSTER 'main_eu'"],
        ),
    ],
)
def test_a_change_goes_where_the_rows_are(sql: str, expected: list[str]) -> None:
    """A Distributed table takes no deletion, but needs the column; replicas tell each other."""
    assert altered(sql, CLUSTER) == expected
    assert altered(sql, None) == [sql]


def test_every_step_of_a_migration_has_a_form_for_a_cluster(store: Store) -> None:
    """As has each deletion that the collector makes; the engine parses them all."""
    folders = {folder: statements(SQL, folder) for folder in ("migrations", "loader", "quarantine")}
    texts = [
        text
        for folder, found in folders.items()
        for text in found.values()
        if folder == "migrations" or "DELETE" in text
    ]
    assert len(texts) > len(folders["migrations"])
    for text in texts:
        for made in altered(text, CLUSTER):
            assert store.rows("SELECT formatQuery({sql:String}) AS sql", {"sql": made})


def test_a_store_says_itself_that_it_is_on_a_cluster(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on a deletion is for all nodes; here the engine has none."""
    made = opening.engine_configuration

    def with_a_cluster(home: Path) -> str:
        return made(home).replace("</clickhouse>", SERVERS)

    monkeypatch.setattr(opening, "engine_configuration", with_a_cluster)
    with open_store(f"chdb://{home}", role="owner") as store:
        assert cluster_of(store) is None
        store.command("RENAME TABLE spans TO spans_local")
        store.command(
            "CREATE TABLE spans AS spans_local ENGINE = Distributed("
            "'main_eu', currentDatabase(), spans_local, cityHash64(tenant_id))"
        )
        assert cluster_of(store) == Cluster("main_eu")
        with pytest.raises(QueryFailed, match="Replicated DDL"):
            alter(store, statement(SQL, "loader/forget_spans"), {"received_at": [1]})
