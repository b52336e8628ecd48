"""`partywall registry canary`: registers a value that is planted in a tenant's data."""

import argparse
import sys
import uuid
from typing import Any, Final

from partywall_collector.commands.senders import CannotRun, check_tenants, print_json
from partywall_collector.registry.document import Document, Entry, Keys, Scalar
from partywall_collector.registry.load import completed, write
from partywall_collector.registry.model import Canary
from partywall_collector.registry.read import read_entry
from partywall_collector.store import open_store
from partywall_collector.store.schema import kinds_of

STDIN: Final = "-"
LONGEST: Final = 4096


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to `partywall registry`."""
    planting = commands.add_parser(
        "canary",
        parents=[common],
        help="register a value that is planted in a tenant's data, to see it elsewhere",
        description="Makes a random value and prints it once, for you to plant; or takes one that "
        "is planted. The store keeps its fingerprints.",
    )
    planting.add_argument("name", metavar="NAME")
    planting.add_argument("--tenant", required=True, metavar="ID", help="in whose data it is")
    planting.add_argument("--dataset", default="", metavar="NAME", help="the dataset it is in")
    planting.add_argument(
        "--value", metavar="TEXT", help="the planted value (an identifier); - reads it from stdin"
    )
    planting.set_defaults(run=_canary)


def _canary(options: argparse.Namespace) -> int:
    given = sys.stdin.read(LONGEST).strip() if options.value == STDIN else options.value
    value = str(uuid.uuid4()) if given is None else given
    keys = {"id": options.name, "tenant": options.tenant, "value": value}
    keys |= {"dataset": options.dataset} if options.dataset else {}
    with open_store(options.store, role="writer") as store:
        check_tenants([options.tenant], store)
        document = Document("")
        tree = Keys(
            {key: Scalar(text, "text", 0) for key, text in keys.items()}, dict.fromkeys(keys, 0), 0
        )
        read = read_entry(Entry(Canary.kind, "canary", tree, 0), document, kinds_of(store))
        if read is None:
            problem = document.problems[0]
            raise CannotRun(f"{problem.where.removeprefix('canary.')}: {problem.what}")
        write(completed([read], store), store)
    made = value if given is None else ""
    if options.json:
        print_json({"canary": options.name, "tenant": options.tenant, "value": made})
        return 0
    print(f"{options.name} is a canary in data of {options.tenant}.", file=sys.stderr)
    if made:
        print("Plant this value, it is shown once:", file=sys.stderr)
        print(made, flush=True)
    return 0
