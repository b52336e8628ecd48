"""`partywall respond`: records what was done about a finding."""

import argparse
import getpass
import json
import sys
from collections.abc import Sequence

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.findings import OPERATOR, get_finding
from partywall_analyzer.model import Finding
from partywall_analyzer.names import clean
from partywall_analyzer.responses import REASONS, CannotRespond, respond
from partywall_analyzer.standing import Kind, Response
from partywall_collector.store import open_store

EXAMPLES = """\
  partywall respond F-3f2a ack --by ann
  partywall respond F-3f2a contain --by ann --tenant acme --note 'key 7 revoked at the IdP'
  partywall respond F-3f2a close --reason false-positive --by ann --json

reasons to close:
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if there is no such finding or the response does not fit it."""
    reasons = "".join(f"  {name:<15} {about}\n" for name, about in REASONS.items())
    about = "Record what was done about a finding. Nothing that was recorded is ever changed."
    arguments = parser("respond", about, EXAMPLES + reasons)
    arguments.add_argument(
        "finding", metavar="FINDING", help="its id, or a beginning of it that only one has"
    )
    arguments.add_argument(
        "kind", metavar="KIND", type=Kind, choices=list(Kind), help=", ".join(Kind)
    )
    arguments.add_argument("--by", metavar="NAME", help="who did it (default: who is logged in)")
    arguments.add_argument(
        "--tenant",
        action="append",
        default=[],
        metavar="ID",
        help="for this tenant, once or several times (default: for each tenant of the finding)",
    )
    arguments.add_argument("--reason", choices=list(REASONS), default="", help="why it is closed")
    arguments.add_argument(
        "--note",
        default="",
        metavar="TEXT",
        help="read by the tenants named with --tenant; where none is, it is the operator's own",
    )
    options = arguments.parse_args(argv)
    if options.kind is Kind.CLOSE and not options.reason:
        arguments.error("close needs a --reason: " + ", ".join(REASONS))
    return guarded("respond", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    with open_store(options.store, role="reader"):  # a writer would make a store that is not there
        pass
    with open_store(options.store, role="writer") as store:
        finding = get_finding(store, OPERATOR, options.finding)
        if finding is None:
            return _fail(
                f"no finding '{clean(options.finding)}', or more than one begins so; "
                "`partywall analyze` lists them"
            )
        try:
            given = respond(
                store,
                finding,
                options.kind,
                by=options.by or getpass.getuser(),
                tenants=options.tenant,
                reason=options.reason,
                note=options.note,
            )
        except CannotRespond as error:
            return _fail(str(error))
        after = get_finding(store, OPERATOR, finding.id)
    assert after is not None
    if options.json:
        print(json.dumps(_json(after, given)))
    else:
        _print(after)
    return 0


def _json(finding: Finding, given: Sequence[Response]) -> dict[str, object]:
    return {
        "finding": finding.id,
        "state": finding.state,
        "standings": [each.to_dict() for each in finding.standings],
        "responses": [each.to_dict() for each in given],
    }


def _print(finding: Finding) -> None:
    from rich.console import Console
    from rich.text import Text

    from partywall_analyzer.answered import stands

    console = Console(highlight=False)
    console.print(Text(f"{finding.id}: {finding.state}", style="bold"))
    for standing in finding.standings:
        console.print(Text(f"  {stands(standing)}"))


def _fail(why: str) -> int:
    print(f"partywall respond: {why}", file=sys.stderr)
    return 1
