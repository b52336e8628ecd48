"""`partywall chain`: one finding, from the request to the crossing, with its proofs."""

import argparse
import json
import sys
from collections.abc import Sequence

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.findings import OPERATOR, get_finding
from partywall_analyzer.names import clean
from partywall_collector.store import open_store

EXAMPLES = """\
  partywall chain F-3f2a91bc
  partywall chain F-3f2a91bc --json | jq .chain.hops
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if there is no such finding."""
    arguments = parser("chain", "Show how a crossing came about.", EXAMPLES)
    arguments.add_argument(
        "finding", metavar="FINDING", help="its id, or a beginning of it that only one has"
    )
    options = arguments.parse_args(argv)
    return guarded("chain", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    with open_store(options.store, role="reader") as store:
        finding = get_finding(store, OPERATOR, options.finding)
    if finding is None:
        print(
            f"partywall chain: no finding '{clean(options.finding)}', or more than one begins so; "
            "`partywall analyze` lists them",
            file=sys.stderr,
        )
        return 1
    if options.json:
        print(json.dumps(finding.to_dict()))
        return 0
    from rich.console import Console

    from partywall_analyzer.picture import print_finding

    print_finding(finding, Console(highlight=False))
    return 0
