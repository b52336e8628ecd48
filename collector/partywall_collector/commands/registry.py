"""`partywall registry`: load, show and check what the operator knows."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

from partywall_collector.commands import (
    canaries,
    fingerprint_key,
    identifier_kinds,
    placement,
    retiring,
    senders,
)
from partywall_collector.commands.options import common, moment
from partywall_collector.commands.senders import CannotRun, print_json
from partywall_collector.commands.tables import print_table
from partywall_collector.registry.load import Loaded, RegistryRefused, current, known, load
from partywall_collector.registry.model import KINDS
from partywall_collector.registry.schema import Form, entry_of, slots
from partywall_collector.store import StoreError, StoreUnavailable, open_store

EXAMPLE = """\
examples:
  partywall registry load registry.yaml approvals.jsonl
  partywall registry load registry.yaml --check
  partywall registry show datasets
  TOKEN=$(partywall registry token agents@acme --tenant acme)
  partywall registry principal desk@msp --tenant acme --spiffe-id spiffe://msp.example/agent/desk
  partywall registry grant-key tickets@msp --tenant acme > tickets.key
  partywall registry canary crm-row --tenant acme --dataset 'postgres://crm/acme.contacts'
  partywall registry fingerprint-key rotate --overlap 14d
  partywall registry identifiers identifiers.jsonl --check
  partywall registry place acme --pool
  partywall registry retire datasets 'postgres://crm/acme.*'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if a check found mistakes, 2 if it could not run."""
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except RegistryRefused as refused:
        _tell(refused, as_json=options.json)
        return 1 if options.check else 2
    except (StoreError, CannotRun) as error:
        print(f"partywall registry: {error}", file=sys.stderr)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"partywall registry: {place}{error.strerror or error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall registry",
        description="What the operator knows: tenants, owners, parties, tools, grants, principals.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = common()
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    loading = commands.add_parser(
        "load", parents=[shared], help="load YAML or JSON lines; all of it or nothing"
    )
    loading.add_argument("files", nargs="+", type=Path, metavar="FILE")
    loading.add_argument("--check", action="store_true", help="look for mistakes, write nothing")
    loading.set_defaults(run=_load)

    showing = commands.add_parser("show", parents=[shared], help="print what is in force")
    showing.add_argument("kind", nargs="?", choices=list(KINDS), metavar="KIND")
    showing.add_argument(
        "--as-of",
        type=moment,
        metavar="TIME",
        help="what was recorded and in force then: 7d, or a time in ISO 8601",
    )
    showing.set_defaults(run=_show)

    senders.add_commands(commands, shared)
    fingerprint_key.add_commands(commands, shared)
    identifier_kinds.add_commands(commands, shared)
    placement.add_commands(commands, shared)
    retiring.add_commands(commands, shared)
    canaries.add_commands(commands, shared)
    return parser


def _load(options: argparse.Namespace) -> int:
    if options.check:
        with _store_if_any(options.store) as store:
            loaded = load(options.files, store, check=True)
    else:
        with open_store(options.store, role="writer") as store:
            loaded = load(options.files, store)
    if options.json:
        print_json({"loaded": not options.check, "read": loaded.read, "written": loaded.written})
    else:
        _print_loaded(loaded, check=options.check)
    return 0


def _store_if_any(url: str) -> Any:
    """Open the store to know its tenants too; files can be checked without it."""
    try:
        return open_store(url, role="reader")
    except StoreUnavailable as error:
        print(f"partywall registry: only the files are looked at: {error}", file=sys.stderr)
        return nullcontext()


def _show(options: argparse.Namespace) -> int:
    # A reader does not see principals; a writer would make a store where there is none.
    with open_store(options.store, role="reader"):
        pass
    with open_store(options.store, role="writer") as store:
        kinds = [options.kind] if options.kind else list(KINDS)
        if options.as_of:
            records = {kind: [*known(store, KINDS[kind], at=options.as_of)] for kind in kinds}
        else:
            records = {kind: current(store, KINDS[kind]) for kind in kinds}
    if options.json:
        print_json({kind: [entry_of(r) for r in found] for kind, found in records.items()})
    elif options.kind:
        hidden = (Form.REQUEST, Form.DERIVED)
        keys = [slot.key for slot in slots(KINDS[options.kind]) if slot.form not in hidden]
        entries = map(entry_of, records[options.kind])
        print_table(keys, [[_cell(entry, key) for key in keys] for entry in entries])
    else:
        print_table(
            ["kind", "in force"], [[kind, str(len(found))] for kind, found in records.items()]
        )
    return 0


def _tell(refused: RegistryRefused, *, as_json: bool) -> None:
    if as_json:
        problems = [
            {"file": p.file, "line": p.line, "key": p.where, "message": p.what}
            for p in refused.problems
        ]
        print_json({"loaded": False, "problems": problems})
    else:
        count = len(refused.problems)
        print(refused, file=sys.stderr)
        print(
            f"partywall registry: nothing is loaded: {count} mistake{'s' * (count > 1)}",
            file=sys.stderr,
        )


def _print_loaded(loaded: Loaded, *, check: bool) -> None:
    head = ["kind", "entries"] if check else ["kind", "entries", "new or changed"]
    rows = [
        [kind, str(count), str(loaded.written.get(kind, 0))][: len(head)]
        for kind, count in loaded.read.items()
    ]
    print_table(head, rows)
    print("no mistakes; nothing was written" if check else "in force from now on")


def _cell(entry: Mapping[str, Any], path: str) -> str:
    """The value of a key as a person reads it; a dot leads into a mapping."""
    key, _, inner = path.partition(".")
    value = entry.get(key, "")
    if inner:
        return _cell(value or {}, inner)
    if key == "token_sha256" and value:
        return f"{value[:8]}..."
    if key == "public_key" and value:
        return f"{str(value).split()[3][-12:]}..."
    if isinstance(value, list):
        items = cast("list[str | dict[str, str]]", value)
        return ", ".join(
            item if isinstance(item, str) else " ".join(item.values()) for item in items
        )
    return {True: "yes", False: ""}[value] if isinstance(value, bool) else str(value)
