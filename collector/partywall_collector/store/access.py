"""Roles, grants and row policies of a ClickHouse server: the operator's, and one role a tenant.

A tenant's role has a policy of its own on every table that has tenants; what a policy is made of
comes from `row_policies`, as for the embedded engine.
"""

from collections.abc import Iterator
from typing import Final

from partywall_collector.store.ddl import Cluster, is_sharded, on_cluster
from partywall_collector.store.rendering import quoted
from partywall_collector.store.row_policies import tables, views

COLLECTOR: Final = "partywall_collector"
OPERATOR: Final = "partywall_operator"
TENANT_PROFILE: Final = "partywall_tenant"
_WRITES: Final = (
    "SELECT, INSERT, ALTER DELETE, ALTER ADD COLUMN, ALTER SETTINGS, CREATE TABLE, CREATE VIEW, "
    "DROP TABLE, DROP VIEW, TRUNCATE"
)


def operator_statements(cluster: Cluster | None = None) -> Iterator[str]:
    """The roles of the collector and of the operator's readers."""
    on = on_cluster(cluster)
    for role in (COLLECTOR, OPERATOR):
        yield f"CREATE ROLE IF NOT EXISTS {role}{on}"
    yield f"GRANT{on} {_WRITES} ON * TO {COLLECTOR}"
    yield f"GRANT{on} CREATE FUNCTION, DROP FUNCTION ON *.* TO {COLLECTOR}"
    for each in tables():
        readers = [COLLECTOR] if each.secret else [COLLECTOR, OPERATOR]
        if not each.secret:
            yield from _may_read(each.table, OPERATOR, cluster)
        yield (
            f"CREATE ROW POLICY OR REPLACE partywall_all{on} ON {_kept(each.table, cluster)} "
            f"FOR SELECT USING 1 TO {', '.join(readers)}"
        )
    for view in views():
        yield f"GRANT{on} SELECT ON {view} TO {OPERATOR}"


def tenant_statements(tenant: str, cluster: Cluster | None = None) -> Iterator[str]:
    """The role of one tenant's readers, who see its rows of the tables that have tenants."""
    on = on_cluster(cluster)
    role = _identifier(f"partywall_tenant_{tenant}")
    yield f"CREATE ROLE IF NOT EXISTS {role}{on}"
    yield (
        f"CREATE SETTINGS PROFILE IF NOT EXISTS {TENANT_PROFILE}{on} SETTINGS readonly = 1, "
        "use_partition_pruning = 0 CONST, optimize_use_implicit_projections = 0 CONST, "
        "use_query_cache = 0 CONST, max_execution_time = 60"
    )
    for each in tables():
        if each.tenant_column:
            yield from _may_read(each.table, role, cluster)
            yield (
                f"CREATE ROW POLICY OR REPLACE {role}{on} ON {_kept(each.table, cluster)} "
                f"FOR SELECT USING {each.tenant_column} = {quoted(tenant)} TO {role}"
            )
    for view in views():
        yield f"GRANT{on} SELECT ON {view} TO {role}"
    yield (
        f"CREATE USER IF NOT EXISTS {_identifier(f'{tenant}_reader')}{on} "
        "IDENTIFIED WITH sha256_password BY 'CHANGE-ME' "
        f"DEFAULT ROLE {role} SETTINGS PROFILE {quoted(TENANT_PROFILE)}"
    )


def _may_read(table: str, role: str, cluster: Cluster | None) -> Iterator[str]:
    for name in dict.fromkeys((table, _kept(table, cluster))):
        yield f"GRANT{on_cluster(cluster)} SELECT ON {name} TO {role}"


def _kept(table: str, cluster: Cluster | None) -> str:
    """Where the rows are: a policy of a Distributed table is an error of each query of it."""
    return f"{table}_local" if cluster and is_sharded(table) else table


def _identifier(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"
