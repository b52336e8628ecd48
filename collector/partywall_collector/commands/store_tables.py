"""`partywall store init|check|migrate|ddl`: the tables themselves."""

import argparse
import json
from typing import Any

from partywall_collector.store import open_store
from partywall_collector.store.access import operator_statements, tenant_statements
from partywall_collector.store.checking import migrate, missing
from partywall_collector.store.ddl import Cluster, statements_of


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    making = commands.add_parser("init", parents=[common], help="make what is missing")
    making.set_defaults(run=_init)
    checking = commands.add_parser(
        "check", parents=[common], help="say what is not as this version makes it; exit code 1"
    )
    checking.set_defaults(run=_check)
    migrating = commands.add_parser(
        "migrate", parents=[common], help="bring an older store up to this version"
    )
    migrating.set_defaults(run=_migrate)
    printing = commands.add_parser(
        "ddl", parents=[common], help="print the statements that make a store; runs none"
    )
    printing.add_argument(
        "--cluster", metavar="NAME", help="for this cluster: Replicated and Distributed tables"
    )
    printing.add_argument(
        "--path",
        default="/clickhouse/tables",
        metavar="PATH",
        help="where replicas meet in Keeper (default: %(default)s)",
    )
    printing.add_argument(
        "--roles", action="store_true", help="also roles, grants and row policies of the operator"
    )
    printing.add_argument(
        "--tenant",
        action="append",
        default=[],
        metavar="ID",
        help="also the role, the row policies and a user of a tenant; again for more",
    )
    printing.set_defaults(run=_ddl)


def _init(options: argparse.Namespace) -> int:
    with open_store(options.store) as store:
        found = missing(store)
    return _say(options, found, f"the store {options.store} is ready")


def _check(options: argparse.Namespace) -> int:
    with open_store(options.store, role="reader", as_it_is=True) as store:
        found = missing(store)
    return _say(options, found, f"the store {options.store} has all that this version expects")


def _migrate(options: argparse.Namespace) -> int:
    # A reader does not make a store where there is none.
    with open_store(options.store, role="reader", as_it_is=True):
        pass
    with open_store(options.store, as_it_is=True) as store:
        steps = migrate(store)
    with open_store(options.store) as store:
        found = missing(store)
    if not options.json:
        for step in steps:
            print(f"done: {step}")
    return _say(options, found, "the store is of this version", {"steps": steps})


def _ddl(options: argparse.Namespace) -> int:
    cluster = Cluster(options.cluster, options.path) if options.cluster else None
    found = list(statements_of(cluster))
    if options.roles:
        found += operator_statements(cluster)
    for tenant in options.tenant:
        found += tenant_statements(tenant, cluster)
    if options.json:
        print(json.dumps({"statements": found}))
    else:
        print(";\n\n".join(found) + ";")
    return 0


def _say(
    options: argparse.Namespace, found: list[str], good: str, more: dict[str, Any] | None = None
) -> int:
    if options.json:
        print(json.dumps({"missing": found} | (more or {})))
    elif found:
        print("\n".join(found))
    else:
        print(good)
    return 1 if found else 0
