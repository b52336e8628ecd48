"""`partywall registry`: load, show and check what the operator knows; make tokens and keys."""

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

from partywall_collector.issuer_keys import BadKey, new_key, public_keys
from partywall_collector.registry.load import Loaded, RegistryRefused, current, load, write
from partywall_collector.registry.model import ANY, KINDS, Issuer, Principal, Tenant
from partywall_collector.registry.schema import Form, entry_of, slots
from partywall_collector.registry.values import close_to
from partywall_collector.store import Store, StoreError, StoreUnavailable, open_store

DEFAULT_STORE = "chdb://.partywall"

WIDE = 4000

EXAMPLE = """\
examples:
  partywall registry load registry.yaml approvals.jsonl
  partywall registry load registry.yaml --check
  partywall registry show datasets
  TOKEN=$(partywall registry token agents@acme --tenant acme)
  partywall registry grant-key tickets@msp --tenant acme > tickets.key
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if files had mistakes, 2 if it could not run."""
    options = _parser().parse_args(argv)
    try:
        return options.run(options)
    except RegistryRefused as refused:
        return _refused(refused, options.json)
    except (StoreError, _CannotRun, OSError) as error:
        print(f"partywall registry: {error}", file=sys.stderr)
        return 2


class _CannotRun(Exception):
    """What was asked for cannot be done; the text says why and the way out."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall registry",
        description="What the operator knows: tenants, owners, parties, tools, grants, principals.",
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
    commands = parser.add_subparsers(required=True, metavar="load | show | token | grant-key")

    loading = commands.add_parser(
        "load", parents=[common], help="load YAML or JSON lines; all of it or nothing"
    )
    loading.add_argument("files", nargs="+", type=Path, metavar="FILE")
    loading.add_argument("--check", action="store_true", help="look for mistakes, write nothing")
    loading.set_defaults(run=_load)

    showing = commands.add_parser("show", parents=[common], help="print what is in force")
    showing.add_argument("kind", nargs="?", choices=list(KINDS), metavar="KIND")
    showing.set_defaults(run=_show)

    minting = commands.add_parser(
        "token", parents=[common], help="make a token for a principal, print it once"
    )
    minting.add_argument("principal", metavar="PRINCIPAL")
    minting.add_argument(
        "--tenant",
        action="append",
        metavar="ID",
        help="a tenant it may send for; again for more; '*' is every registered tenant",
    )
    minting.set_defaults(run=_token)

    keying = commands.add_parser(
        "grant-key",
        parents=[common],
        help="register who signs session grants; makes a key and prints the private half once",
    )
    keying.add_argument("issuer", metavar="ISSUER")
    keying.add_argument(
        "--tenant",
        action="append",
        metavar="ID",
        help="a tenant it may sign for; again for more; '*' is every registered tenant",
    )
    keying.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="register this public key (PEM) and make none",
    )
    keying.set_defaults(run=_grant_key)
    return parser


def _load(options: argparse.Namespace) -> int:
    if options.check:
        with _store_if_any(options.store) as store:
            loaded = load(options.files, store, check=True)
    else:
        with open_store(options.store, role="writer") as store:
            loaded = load(options.files, store)
    if options.json:
        _print_json({"loaded": not options.check, "read": loaded.read, "written": loaded.written})
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
        records = {kind: current(store, KINDS[kind]) for kind in kinds}
    if options.json:
        _print_json({kind: [entry_of(r) for r in found] for kind, found in records.items()})
    elif options.kind:
        hidden = (Form.REQUEST, Form.DERIVED)
        keys = [slot.key for slot in slots(KINDS[options.kind]) if slot.form not in hidden]
        entries = map(entry_of, records[options.kind])
        _print_table(keys, [[_cell(entry, key) for key in keys] for entry in entries])
    else:
        _print_table(
            ["kind", "in force"], [[kind, str(len(found))] for kind, found in records.items()]
        )
    return 0


def _token(options: argparse.Namespace) -> int:
    with open_store(options.store, role="writer") as store:
        before = next((p for p in current(store, Principal) if p.id == options.principal), None)
        tenants = tuple(dict.fromkeys(options.tenant or (before.tenants if before else ())))
        _check_tenants(tenants, store)
        token = f"pw_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(token.encode()).hexdigest()
        write([Principal(id=options.principal, tenants=tenants, token_sha256=digest)], store)
    if options.json:
        _print_json({"principal": options.principal, "tenants": tenants, "token": token})
        return 0
    whom = "every registered tenant" if ANY in tenants else ", ".join(tenants)
    print(f"{options.principal} may send for {whom}. This is shown once:", file=sys.stderr)
    print(token, flush=True)
    if before and before.token_sha256:
        print("The principal's earlier token is no longer valid.", file=sys.stderr)
    return 0


def _grant_key(options: argparse.Namespace) -> int:
    private, public = "", ""
    if options.public_key:
        public = options.public_key.read_text(encoding="ascii", errors="replace").strip()
        try:
            public_keys(public)
        except BadKey as error:
            raise _CannotRun(f"{options.public_key}: {error}") from None
    else:
        private, public = new_key()
    with open_store(options.store, role="writer") as store:
        before = next((i for i in current(store, Issuer) if i.id == options.issuer), None)
        tenants = tuple(dict.fromkeys(options.tenant or (before.tenants if before else ())))
        _check_tenants(tenants, store)
        write([Issuer(id=options.issuer, tenants=tenants, public_key=public)], store)
    if options.json:
        _print_json({"issuer": options.issuer, "tenants": tenants, "private_key": private})
        return 0
    whom = "every registered tenant" if ANY in tenants else ", ".join(tenants)
    print(f"{options.issuer} may sign grants for {whom}.", file=sys.stderr)
    if private:
        print("Its private key is shown once:", file=sys.stderr)
        print(private, end="", flush=True)
    if before:
        print("What it signed with the earlier key is no longer good.", file=sys.stderr)
    return 0


def _check_tenants(tenants: Sequence[str], store: Store) -> None:
    if not tenants:
        raise _CannotRun("for whom? Name its tenants with --tenant ID")
    if ANY in tenants and len(tenants) > 1:
        raise _CannotRun("--tenant '*' stands alone: it is every registered tenant")
    known = [tenant.id for tenant in current(store, Tenant)]
    for name in tenants:
        if name not in known and name != ANY:
            raise _CannotRun(
                f"no tenant '{name}' is registered{close_to(name, known) or ';'} "
                f"`partywall registry load FILE` adds one: tenants: [{{id: {name}}}]"
            )


def _refused(refused: RegistryRefused, as_json: bool) -> int:
    if as_json:
        problems = [
            {"file": p.file, "line": p.line, "key": p.where, "message": p.what}
            for p in refused.problems
        ]
        _print_json({"loaded": False, "problems": problems})
    else:
        count = len(refused.problems)
        print(refused, file=sys.stderr)
        print(
            f"partywall registry: nothing is loaded: {count} mistake{'s' * (count > 1)}",
            file=sys.stderr,
        )
    return 1


def _print_loaded(loaded: Loaded, *, check: bool) -> None:
    head = ["kind", "entries"] if check else ["kind", "entries", "new or changed"]
    rows = [
        [kind, str(count), str(loaded.written.get(kind, 0))][: len(head)]
        for kind, count in loaded.read.items()
    ]
    _print_table(head, rows)
    print("no mistakes; nothing was written" if check else "in force from now on")


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    # In a pipe a row is a line, so that it can be searched.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


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


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False))
