"""`partywall who`: who acted, for which tenant, against which asset, using which identity."""

import argparse
import json
import sys
from collections.abc import Sequence

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.findings import OPERATOR
from partywall_analyzer.lookup import WhoRow, who
from partywall_analyzer.model import iso
from partywall_analyzer.names import clean
from partywall_collector.commands.options import moment
from partywall_collector.store import open_store

EXAMPLES = """\
  partywall who --dataset 'postgres://crm/acme*' --since 24h
  partywall who --credential cred-7c1c97df
  partywall who --trace 4bf92f3577b34da6a3ce929d0e0e4736 --json
"""

KEYS = {
    "tenant": "calls of the sessions of this tenant",
    "dataset": "calls that touched this dataset; `*` stands for any text",
    "party": "calls that sent to or fetched from this party; `*` stands for any text",
    "identity": "calls with this workload identity",
    "credential": "calls with this credential id",
    "agent": "calls of this agent, or below a run of it",
    "session": "calls of this session",
    "request": "calls made for this request",
    "trace": "calls of this trace",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if no call matches."""
    arguments = parser(
        "who", "Who acted, for which tenant, against which asset, using which identity.", EXAMPLES
    )
    for key, about in KEYS.items():
        arguments.add_argument(f"--{key}", metavar=key.upper(), default="", help=about)
    arguments.add_argument(
        "--since", type=moment, metavar="TIME", help="24h, 7d, or a time in ISO 8601"
    )
    arguments.add_argument("--until", type=moment, metavar="TIME", help="calls that began before")
    arguments.add_argument(
        "--as-of",
        type=moment,
        metavar="TIME",
        help="the answer that one would have got then: calls that had begun, owners, approvals and "
        "credentials as they were recorded by that time",
    )
    arguments.add_argument(
        "--limit", type=int, default=20, metavar="N", help="the latest N (default: %(default)s)"
    )
    options = arguments.parse_args(argv)
    return guarded("who", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    keys = {key: getattr(options, key) for key in KEYS}
    with open_store(options.store, role="reader") as store:
        rows = who(
            store,
            OPERATOR,
            **keys,
            since=options.since,
            until=options.until,
            as_of=options.as_of,
            limit=options.limit,
        )
    if options.json:
        print(json.dumps({"calls": [row.to_dict() for row in rows]}))
    elif rows:
        _print(rows)
    else:
        asked = " ".join(f"--{key} {value}" for key, value in keys.items() if value)
        asked = clean(asked) or "in this store"
        print(f"partywall who: no call matches {asked}", file=sys.stderr)
    return 0 if rows else 1


def _print(rows: Sequence[WhoRow]) -> None:
    from rich.console import Console
    from rich.text import Text

    from partywall_analyzer.picture import WIDEST, answer_rows

    console = Console(highlight=False)
    width = min(console.width, WIDEST)
    for row in rows:
        did = f"{clean(row.tool) or 'a call'}" + (" (failed)" if row.failed else "")
        head = Text.assemble((iso(row.time).replace("T", " "), "bold"), f"  {did}")
        spans = f", {1 + len(row.observations)} spans" if row.observations else ""
        head.append(f"  trace {row.trace_id}{spans}", style="dim")
        console.print(head, width=width)
        console.print(answer_rows(row.answers), width=width)
        console.print()
    calls = "1 call" if len(rows) == 1 else f"{len(rows)} calls"
    console.print(Text(f"{calls}, latest first", style="dim"))
