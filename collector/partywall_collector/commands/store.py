"""`partywall store`: make and check the tables, and say who may read which tenant's rows."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from partywall_collector.commands.registry import DEFAULT_STORE
from partywall_collector.commands.tables import print_table
from partywall_collector.store import Store, StoreError, open_store
from partywall_collector.store.readers import add_reader, readers, remove_reader

EXAMPLE: Final = """\
examples:
  partywall store reader add acme
  partywall store reader list
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 2 if it could not run."""
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except (StoreError, OSError) as error:
        print(f"partywall store: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall store",
        description="The tables: made, checked, read by tenants.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get("PARTYWALL_STORE") or DEFAULT_STORE,
        help="chdb:///path or clickhouse://... (default: $PARTYWALL_STORE, else %(default)s)",
    )
    common.add_argument("--json", action="store_true", help="print one JSON object")
    commands = parser.add_subparsers(required=True, metavar="reader")
    reader = commands.add_parser("reader", help="readers of one tenant's rows, for this endpoint")
    _add_reader_commands(reader, common)
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


def _embedded(options: argparse.Namespace) -> Store:
    if not options.store.startswith("chdb:"):
        raise StoreError(
            "on a server, users are the server's own: `partywall store ddl --tenant ID` prints the "
            "role and the row policies of a tenant"
        )
    with open_store(options.store, role="reader"):
        pass  # a writer would make a store where there is none
    return open_store(options.store)


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
