"""`partywall registry identifiers`: show the kinds of identifiers, check and declare more."""

import argparse
from pathlib import Path
from typing import Any, Final

from partywall.declared import LONGEST, BadKinds, Mistake, parse
from partywall.identifiers import Kind, Kinds
from partywall_collector.commands.senders import CannotRun, print_json
from partywall_collector.commands.tables import print_table
from partywall_collector.registry.document import Problem
from partywall_collector.registry.load import RegistryRefused
from partywall_collector.store import open_store
from partywall_collector.store.schema import declared_in

DESCRIPTION: Final = """\
The kinds of identifiers that are looked for in arguments and results. A file declares further ones,
a JSON object a line:

  {"name": "employee", "pattern": "EMP-([0-9]{6})", "case": "upper"}

It takes the place of what was declared before; an empty file takes all of it back. Give the same
file to every agent (PARTYWALL_IDENTIFIERS). A collector that is running has to be stopped: the
store decodes spans by these kinds.
"""


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "identifiers",
        parents=[common],
        help="show or declare the kinds of identifiers",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="kinds, as JSON lines")
    parser.add_argument("--check", action="store_true", help="look for mistakes, write nothing")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the kinds, or declare those of a file."""
    file: Path | None = options.file
    if file is None:
        if options.check:
            raise CannotRun("--check looks at a file: partywall registry identifiers FILE --check")
        with open_store(options.store, role="reader") as store:
            kinds = Kinds(parse(declared_in(store)))
    else:
        text = _read(file)
        kinds = Kinds(parse(text))
        if not options.check:
            with open_store(options.store, role="owner") as store:
                store.declare(text)
    _show(kinds, as_json=options.json)
    if not options.json and file is not None:
        print(
            "\nno mistakes; nothing was written"
            if options.check
            else f"\nin force from now on; give {file} to every agent (PARTYWALL_IDENTIFIERS)"
        )
    return 0


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        text = opened.read(LONGEST + 1).decode("utf-8", "replace")
    try:
        parse(text)
    except BadKinds as bad:
        raise RegistryRefused([_problem(file, mistake) for mistake in bad.mistakes]) from None
    return text


def _problem(file: Path, mistake: Mistake) -> Problem:
    return Problem(str(file), mistake.line, mistake.key, mistake.what)


def _show(kinds: Kinds, *, as_json: bool) -> None:
    if as_json:
        shown: list[dict[str, object]] = [
            {"name": kind.name, "case": kind.case, "pattern": _pattern(kind, kinds)}
            for kind in kinds.formed
        ]
        print_json({"kinds": shown})
        return
    print_table(
        ["kind", "letters", "declared as"],
        [[kind.name, kind.case, _pattern(kind, kinds) or ""] for kind in kinds.formed],
    )


def _pattern(kind: Kind, kinds: Kinds) -> str | None:
    """What the operator wrote; None for a kind of our own."""
    return kind.form if kind in kinds.declared else None
