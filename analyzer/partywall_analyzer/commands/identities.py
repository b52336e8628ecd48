"""`partywall identities`: who acts, for how many tenants, whose it is, and how long it lives."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.findings import OPERATOR
from partywall_analyzer.inventory import KINDS, NOTES, Identity, identities
from partywall_analyzer.names import clean
from partywall_collector.commands.options import moment
from partywall_collector.commands.tables import print_table
from partywall_collector.store import open_store

EXAMPLES: Final = (
    """\
  partywall identities
  partywall identities --kind credential --note used-after
  partywall identities --note shared --tenant acme --json

notes:
"""
    + "".join(f"  {note:<11} {about}\n" for note, about in NOTES.items())
    + "\nexit code: 0 some were found, 1 none matches, 2 could not run\n"
)

SHOWN: Final = 3
"""Tenants of one identity that are named; the others are counted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = parser(
        "identities", "Who acts: senders, workloads, agents and credentials.", EXAMPLES
    )
    arguments.add_argument(
        "--kind", action="append", default=[], choices=list(KINDS), help="again for more"
    )
    arguments.add_argument("--name", metavar="TEXT", default="", help="with this in its name")
    arguments.add_argument(
        "--tenant", metavar="ID", default="", help="that is this tenant's, or acted for it"
    )
    arguments.add_argument(
        "--note", action="append", default=[], choices=list(NOTES), help="again: with all of them"
    )
    arguments.add_argument(
        "--since", type=moment, metavar="TIME", help="look at calls since: 24h, 7d, or ISO 8601"
    )
    arguments.add_argument(
        "--dormant",
        type=moment,
        default="30d",
        metavar="TIME",
        help="dormant is who made no call since (default: %(default)s)",
    )
    arguments.add_argument(
        "--limit", type=int, default=50, metavar="N", help="the first N (default: %(default)s)"
    )
    options = arguments.parse_args(argv)
    return guarded("identities", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    # A reader says that there is no store, a writer would make one; only it sees the principals.
    with open_store(options.store, role="reader"):
        pass
    now = datetime.now(UTC)
    with open_store(options.store, role="writer") as store:
        found = identities(
            store,
            OPERATOR,
            kinds=options.kind,
            tenant=options.tenant,
            name=options.name,
            notes=options.note,
            since=options.since,
            dormant=max(now - options.dormant, timedelta()),
            now=now,
        )
    shown = found[: max(1, options.limit)]
    if options.json:
        print(json.dumps({"total": len(found), "identities": [one.to_dict() for one in shown]}))
    elif found:
        rows = [_row(one) for one in shown]
        print_table(["kind", "name", "of", "acted for", "calls", "last", "until", "notes"], rows)
        if len(shown) < len(found):
            print(f"{len(shown)} of {len(found):,}; --limit shows more")
    else:
        print("partywall identities: none matches", file=sys.stderr)
    return 0 if found else 1


def _row(one: Identity) -> list[str]:
    return [
        one.kind,
        clean(one.name),
        _tenants(one.owners),
        _tenants(one.tenants),
        f"{one.calls:,}" if one.calls else "-",
        _day(one.last_seen),
        _day(one.ended),
        ", ".join(one.notes),
    ]


def _tenants(names: Sequence[str]) -> str:
    told = ", ".join(clean(name) for name in names[:SHOWN])
    more = len(names) - SHOWN
    return (f"{told} and {more:,} more" if more > 0 else told) or "-"


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else "-"
