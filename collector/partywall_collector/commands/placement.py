"""`partywall registry place`: moves a tenant between a partition of its own and a shared pool."""

import argparse
from typing import Any

from partywall_collector.commands.senders import print_json
from partywall_collector.registry.placement import limits, move, own, pool
from partywall_collector.store import open_store


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to `partywall registry`."""
    placing = commands.add_parser(
        "place", parents=[common], help="move a tenant to its own partition or to a shared one"
    )
    placing.add_argument("tenant", metavar="TENANT")
    where = placing.add_mutually_exclusive_group(required=True)
    where.add_argument("--own", action="store_true", help="a partition of its own")
    where.add_argument("--pool", action="store_true", help="one that small tenants share")
    placing.set_defaults(run=_place)


def _place(options: argparse.Namespace) -> int:
    with open_store(options.store, role="writer") as store:
        pools = limits(store).pools
        placement = own(options.tenant) if options.own else pool(options.tenant, pools)
        moved = move(store, options.tenant, placement)
    if options.json:
        print_json({"tenant": options.tenant, "placement": placement, "moved": moved})
    elif moved:
        print(f"{options.tenant}: spans go to {placement} from ten seconds on; stored rows stay")
    else:
        print(f"{options.tenant}: is in {placement} already")
    return 0
