"""The statements that make a store, for one server or for a cluster, from the same `.sql` files.

In a cluster, a table with `placement` is sharded by tenant: its rows are in `<name>_local`, and
the name itself is a Distributed table. Every other table has all its rows on every node, so that
each node decodes and routes by the same registry.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from partywall.identifiers import BUILT_IN, Kinds
from partywall_collector.store.rendering import quoted, render
from partywall_collector.store.statements import SQL, statements

KINDS: Final = ("tables", "functions", "views")

_COMMENT: Final = re.compile(r"--[^\n]*\n")
_HEAD: Final = re.compile(
    r"^(CREATE TABLE IF NOT EXISTS|CREATE VIEW|CREATE MATERIALIZED VIEW|CREATE OR REPLACE FUNCTION)"
    r" (\w+)",
    re.MULTILINE,
)
_SETTINGS: Final = re.compile(r"^SETTINGS (.+)\Z", re.MULTILINE)
_MERGE_TREE: Final = re.compile(r"\bENGINE = MergeTree\b")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as ClickHouse's own configuration names it; `{shard}`, `{replica}` are macros."""

    name: str
    path: str = "/clickhouse/tables"


@lru_cache(maxsize=16)
def single(kind: str, identifiers: Kinds = BUILT_IN) -> dict[str, str]:
    """The statements of a kind for one server, by the name of what they make."""
    return {name: render(text, identifiers) for name, text in statements(SQL, kind).items()}


def statements_of(cluster: Cluster | None = None) -> Iterator[str]:
    """All statements in the order in which they run."""
    for kind in KINDS:
        for texts in made(kind, cluster).values():
            yield from texts


def made(
    kind: str, cluster: Cluster | None = None, identifiers: Kinds = BUILT_IN
) -> dict[str, list[str]]:
    """The statements of a kind, by the name of what they make."""
    return {
        name: [*_on(cluster, text)] if cluster else [text.strip()]
        for name, text in single(kind, identifiers).items()
    }


def set_again(text: str, cluster: Cluster | None = None) -> str:
    """The statement that gives a table that is there the settings of its own; "" for none."""
    head, settings = _HEAD.search(text), _SETTINGS.search(text)
    if head is None or settings is None:
        return ""
    return f"ALTER TABLE {head[2]}{on_cluster(cluster)} MODIFY SETTING {settings[1]}"


def is_sharded(table: str) -> bool:
    """Whether each shard of a cluster has its own rows of a table."""
    if table not in single("tables") or _MERGE_TREE.search(single("tables")[table]) is None:
        return False
    return {"placement", "tenant_id"} <= {*columns(table)} and table != "tenants"


def on_cluster(cluster: Cluster | None) -> str:
    """What stands behind a name in a statement that is for all nodes; nothing for one server."""
    return f" ON CLUSTER {quoted(cluster.name)}" if cluster else ""


@cache
def columns(table: str) -> tuple[str, ...]:
    """The columns that a table has in this version."""
    body = _COMMENT.sub("", single("tables")[table] + "\n")
    body = body[body.index("(") + 1 :]
    depth, piece, pieces = 0, "", list[str]()
    for letter in body:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            break
        if letter == "," and depth == 0:
            pieces.append(piece)
            piece = ""
        else:
            piece += letter
    names = [each.split()[0] for each in (*pieces, piece)]
    return tuple(name for name in names if name != "INDEX")


def _on(cluster: Cluster, text: str) -> Iterator[str]:
    head = _HEAD.search(text)
    if head is None:
        raise ValueError(f"a statement begins in a way that is not known: {text[:80]!r}")
    name = head[2]
    everywhere = on_cluster(cluster)
    if not _MERGE_TREE.search(text):
        yield f"{text[: head.end()]}{everywhere}{text[head.end() :]}".strip()
        return
    sharded = is_sharded(name)
    kept = f"{name}_local" if sharded else name
    shard, replica = ("{shard}", "{replica}") if sharded else ("all", "{shard}-{replica}")
    path = f"{cluster.path}/{shard}/{{database}}/{name}"
    engine = f"ENGINE = ReplicatedMergeTree({quoted(path)}, {quoted(replica)})"
    rest = _MERGE_TREE.sub(lambda _: engine, text[head.end() :])
    rest = rest.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    yield f"{text[: head.start()]}{head[1]} {kept}{everywhere}{rest}".strip()
    if sharded:
        yield (
            f"CREATE TABLE IF NOT EXISTS {name}{everywhere} AS {kept}\n"
            f"ENGINE = Distributed({quoted(cluster.name)}, currentDatabase(), {kept}, "
            "cityHash64(tenant_id))"
        )
