"""`partywall store`: make and check the tables, and say who may read which tenant's rows."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

from partywall_collector.commands import store_kafka as kafka
from partywall_collector.commands import store_tables as tables
from partywall_collector.commands.options import common
from partywall_collector.commands.tables import print_table
from partywall_collector.store import Store, StoreError, open_store
from partywall_collector.store.erasure import Erased, erase, retain, still_sending
from partywall_collector.store.readers import add_reader, readers, remove_reader

EXAMPLE: Final = """\
examples:
  partywall store init --store clickhouse://user:password@host/partywall
  partywall store check && partywall store migrate
  partywall store ddl --cluster main --roles --tenant acme | clickhouse-client -mn
  partywall store kafka --broker kafka:9092 --topic otlp_spans --principal gateway --tenant acme
  partywall store reader add acme
  partywall store reader list
  partywall store retain --dry-run
  partywall store erase --tenant acme --session run-7 --dry-run
  partywall store erase --tenant acme --yes
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if a check found something, 2 if it could not run."""
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except (StoreError, OSError) as error:
        print(f"partywall store: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall store",
        description="The tables: who may read them, how long rows stay, and how they go.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = common()
    commands = parser.add_subparsers(
        required=True, metavar="init | check | migrate | ddl | kafka | reader | retain | erase"
    )
    tables.add_commands(commands, shared)
    kafka.add_command(commands, shared)
    _add_erasing_commands(commands, shared)
    reader = commands.add_parser("reader", help="readers of one tenant's rows, for this endpoint")
    _add_reader_commands(reader, shared)
    return parser


def _add_reader_commands(reader: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    commands = reader.add_subparsers(required=True, metavar="add | list | remove")
    adding = commands.add_parser(
        "add", parents=[common], help="make one, or give it a new password; print it once"
    )
    adding.add_argument("tenant", metavar="TENANT")
    adding.add_argument("--name", metavar="USER", help="the user's name (default: the tenant's id)")
    adding.set_defaults(run=_add)
    listing = commands.add_parser("list", parents=[common], help="who may read now")
    listing.set_defaults(run=_list)
    removing = commands.add_parser("remove", parents=[common], help="refuse it from now on")
    removing.add_argument("name", metavar="USER")
    removing.set_defaults(run=_remove)


def _add_erasing_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    retaining = commands.add_parser(
        "retain", parents=[common], help="delete what is older than its tenant's retention_days"
    )
    retaining.add_argument("--dry-run", action="store_true", help="count, delete nothing")
    retaining.set_defaults(run=_retain)
    erasing = commands.add_parser(
        "erase", parents=[common], help="delete a tenant's rows, or those of a session or a person"
    )
    erasing.add_argument("--tenant", required=True, metavar="ID", help="whose rows")
    which = erasing.add_mutually_exclusive_group()
    which.add_argument("--session", default="", metavar="ID", help="only those of one session")
    which.add_argument(
        "--subject",
        default="",
        metavar="WHO",
        help="only those of the sessions in which a subject or an identity appears",
    )
    sure = erasing.add_mutually_exclusive_group(required=True)
    sure.add_argument("--dry-run", action="store_true", help="count, delete nothing")
    sure.add_argument("--yes", action="store_true", help="delete; there is no way back")
    erasing.set_defaults(run=_erase)


def _embedded(options: argparse.Namespace) -> Store:
    if not options.store.startswith("chdb:"):
        raise StoreError(
            "on a server, users are the server's own: `partywall store ddl --tenant ID` prints the "
            "role and the row policies of a tenant"
        )
    return _existing(options.store)


def _existing(url: str) -> Store:
    """Open a store to write; a writer alone would make one where there is none."""
    with open_store(url, role="reader"):
        pass
    return open_store(url)


def _retain(options: argparse.Namespace) -> int:
    with _existing(options.store) as store:
        gone = retain(store, dry_run=options.dry_run)
    if options.json:
        deleted = {tenant: _counts(each) for tenant, each in gone.items()}
        print(json.dumps({"dry_run": options.dry_run, "tenants": deleted}))
        return 0
    rows = [[tenant, each.table, f"{each.rows:,}"] for tenant in gone for each in gone[tenant]]
    if rows:
        print_table(["tenant", "table", _what(options)], rows)
    else:
        print("nothing is older than its tenant's retention_days")
    return 0


def _erase(options: argparse.Namespace) -> int:
    with _existing(options.store) as store:
        gone = erase(
            store,
            options.tenant,
            session=options.session,
            subject=options.subject,
            dry_run=options.dry_run,
        )
        senders = [] if options.session or options.subject else still_sending(store, options.tenant)
    remains = [
        "`segments` keeps the digests of what was loaded: they prove the rest and name nobody",
        "requests in the spool that are not loaded yet; run this again after they are",
        "copies that were made before: backups, exports, notifications",
    ]
    if senders:
        remains.append(f"who may still send for it: {', '.join(senders)}; take that back too")
    if options.json:
        said = {"dry_run": options.dry_run, "tenant": options.tenant, "rows": _counts(gone)}
        print(
            json.dumps(said | {"blinded": sum(each.blinded for each in gone), "remains": remains})
        )
        return 0
    rows = [[each.table, f"{each.rows:,}"] for each in gone if each.rows]
    if rows:
        print_table(["table", _what(options)], rows)
    for each in gone:
        if each.blinded:
            verb = "would stay" if options.dry_run else "stay"
            print(
                f"{each.blinded:,} of {each.table} {verb} without this side: "
                "they are another tenant's evidence too"
            )
    if not any(each.rows or each.blinded for each in gone):
        print(f"there is no such row of {options.tenant}")
    print("\nwhat this does not reach:")
    for each in remains:
        print(f"  - {each}")
    return 0


def _what(options: argparse.Namespace) -> str:
    return "rows that would go" if options.dry_run else "rows deleted"


def _counts(gone: Sequence[Erased]) -> dict[str, int]:
    return {each.table: each.rows for each in gone if each.rows}


def _add(options: argparse.Namespace) -> int:
    name = options.name or options.tenant
    with _embedded(options) as store:
        password = add_reader(store, options.tenant, name)
        file = store.home / "endpoint.json"
    if options.json:
        said = {"user": name, "tenant": options.tenant, "password": password}
        print(json.dumps(said | {"endpoint": str(file)}))
        return 0
    print(
        f"{name} may read the rows of {options.tenant}, and no others, at the host and port in "
        f"{file}. This is shown once:",
        file=sys.stderr,
    )
    print(password, flush=True)
    return 0


def _list(options: argparse.Namespace) -> int:
    with _embedded(options) as store:
        found = readers(store)
    if options.json:
        said = [{"user": each.reader_id, "tenant": each.tenant_id} for each in found]
        print(json.dumps({"readers": said}))
    else:
        rows = [
            [each.reader_id, each.tenant_id, f"{each.recorded_at:%Y-%m-%d %H:%M}"] for each in found
        ]
        print_table(["user", "reads the rows of", "since"], rows)
    return 0


def _remove(options: argparse.Namespace) -> int:
    with _embedded(options) as store:
        remove_reader(store, options.name)
    print(json.dumps({"removed": options.name}) if options.json else f"{options.name} is refused")
    return 0
