"""`partywall registry retire`: takes entries back, which stay as history."""

import argparse
from typing import Any

from partywall_collector.commands.senders import CannotRun, print_json
from partywall_collector.registry.retire import RETIRED, found, retire
from partywall_collector.registry.schema import entry_of
from partywall_collector.store import open_store


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to `partywall registry`."""
    retiring = commands.add_parser(
        "retire",
        parents=[common],
        help="take an entry back",
        description="A relation ends, an approval or a credential is revoked, a principal or an "
        "issuer has no tenants, a canary ends, a dataset, a party or a tool is there no longer.",
    )
    retiring.add_argument("kind", choices=[kind.kind for kind in RETIRED], metavar="KIND")
    retiring.add_argument("name", metavar="NAME", help="its id, its pattern, or the tool's name")
    retiring.add_argument("--tenant", metavar="ID", default="", help="the one of this tenant")
    retiring.add_argument("--check", action="store_true", help="say which one, write nothing")
    retiring.set_defaults(run=_retire)


def _retire(options: argparse.Namespace) -> int:
    with open_store(options.store, role="reader"):  # a writer would make a store that is not there
        pass
    with open_store(options.store, role="writer") as store:
        entries = found(store, options.kind, options.name, options.tenant)
        if not entries:
            raise CannotRun(
                f"no such entry of {options.kind} is in force: {options.name}; "
                f"`partywall registry show {options.kind}` lists them"
            )
        if len(entries) > 1 and not options.tenant:
            tenants = ", ".join(sorted(str(getattr(each, "tenant", "")) for each in entries))
            raise CannotRun(f"several tenants have it, name one with --tenant: {tenants}")
        if not options.check:
            retire(store, entries)
    if options.json:
        print_json({"retired": not options.check, options.kind: [*map(entry_of, entries)]})
        return 0
    for each in entries:
        said = ", ".join(f"{key}: {value}" for key, value in entry_of(each).items())
        print(f"{'would be retired' if options.check else 'retired'}: {said}")
    return 0
