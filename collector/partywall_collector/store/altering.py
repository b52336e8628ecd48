"""Changes of tables that are there, on one server or on every node of a cluster.

A store says itself whether it is on a cluster: there, `spans` is a Distributed table. It keeps no
rows, so what is meant for them goes to `spans_local` on all nodes. A change of a table that has
all its rows everywhere reaches the other replicas through Keeper.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from partywall_collector.store.ddl import Cluster, is_sharded, on_cluster

_CHANGE: Final = re.compile(r"^(ALTER TABLE|DROP TABLE IF EXISTS|DROP TABLE) (\w+)", re.MULTILINE)
_OF_PARTS: Final = re.compile(r"\s*(DELETE|UPDATE|MATERIALIZE|ADD INDEX|DROP INDEX)\b")
_ENGINES: Final = (
    "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() "
    "AND (name = 'spans' AND engine = 'Distributed' OR name = 'segments')"
)
_CLUSTER: Final = re.compile(r"Distributed\('((?:[^'\\]|\\.)*)'")
_PATH: Final = re.compile(r"ReplicatedMergeTree\('((?:[^'\\]|\\.)*)/all/")


class Statements(Protocol):
    """What runs statements: a connection or a store."""

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]: ...
    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None: ...


def cluster_of(store: Statements) -> Cluster | None:
    """The cluster that the tables of a store were made for; None for one server."""
    engines = {row["name"]: str(row["engine_full"]) for row in store.rows(_ENGINES)}
    name, path = _CLUSTER.match(engines.get("spans", "")), _PATH.match(engines.get("segments", ""))
    if name is None:
        return None
    return Cluster(_plain(name[1]), *([_plain(path[1])] if path else []))


def alter(store: Statements, sql: str, params: Mapping[str, Any] | None = None) -> None:
    """Run an `ALTER TABLE` or a `DROP TABLE` wherever the rows of the table are."""
    for text in altered(sql, cluster_of(store)):
        store.command(text, params)


def altered(sql: str, cluster: Cluster | None) -> list[str]:
    """The statements that do on a cluster what one does on a server."""
    head = _CHANGE.search(sql)
    if head is None:
        raise ValueError(f"neither ALTER TABLE nor DROP TABLE: {sql[:80]!r}")
    if cluster is None:
        return [sql]
    what, name = head.groups()
    if not is_sharded(name):
        names = [] if what == "ALTER TABLE" else [name]
    elif _OF_PARTS.match(sql, head.end()):
        names = [f"{name}_local"]
    else:
        names = [f"{name}_local", name]
    before, after = sql[: head.start()], sql[head.end() :]
    on = on_cluster(cluster)
    return [f"{before}{what} {each}{on}{after}" for each in names] or [sql]


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
