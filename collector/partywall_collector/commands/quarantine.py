"""`partywall quarantine`: look at refused spans, release them after a mend, or purge them."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from partywall_collector.commands.options import common, moment
from partywall_collector.commands.tables import print_table
from partywall_collector.commands.terminal import plain, short
from partywall_collector.quarantine import (
    BEGINNING,
    END,
    RELEASABLE,
    Filter,
    Quarantine,
    ReleaseInUse,
)
from partywall_collector.store import StoreError, open_store

EXAMPLE = """\
examples:
  partywall quarantine list
  partywall quarantine list --counts --since 24h
  partywall quarantine show 00f067aa0ba902b7
  partywall quarantine release --tenant acme
  partywall quarantine purge --reason "no tenant" --until 30d
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 if nothing was found to do, 2 if it could not run."""
    options = _parser().parse_args(argv)
    which = Filter(options.reason, options.principal, options.tenant, options.since, options.until)
    try:
        if options.changes and which == Filter() and not options.all:
            raise _CannotRun("which spans? Name them with a filter, or write --all")
        with open_store(options.store, role="reader"):
            pass  # a writer would make a store where there is none
        with open_store(options.store, role="writer") as store:
            return options.run(Quarantine(store), which, options)
    except (StoreError, ReleaseInUse, _CannotRun, OSError) as error:
        print(f"partywall quarantine: {error}", file=sys.stderr)
        return 2


class _CannotRun(Exception):
    """What was asked for is not enough; the text says what is missing."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall quarantine",
        description="Spans that were acknowledged and belong to no tenant for certain.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = common()
    shared.add_argument("--reason", default="", help="only with this reason")
    shared.add_argument("--principal", default="", metavar="ID", help="only of this sender")
    shared.add_argument("--tenant", default="", metavar="ID", help="only with this claim")
    shared.add_argument(
        "--since",
        type=moment,
        default=BEGINNING,
        metavar="TIME",
        help="received then or later: ISO 8601, or an age such as 30m, 24h, 7d",
    )
    shared.add_argument(
        "--until", type=moment, default=END, metavar="TIME", help="received before that"
    )
    commands = parser.add_subparsers(required=True, metavar="list | show | release | purge")

    listing = commands.add_parser("list", parents=[shared], help="the newest, or counts")
    listing.add_argument("--counts", action="store_true", help="by reason, sender and claim")
    listing.add_argument("--limit", type=_count, default=50, help="the most spans (%(default)s)")
    listing.set_defaults(run=_list, changes=False, all=False)

    showing = commands.add_parser("show", parents=[shared], help="one span, as it is kept")
    showing.add_argument("span", metavar="SPAN_ID")
    showing.set_defaults(run=_show, changes=False, all=False)

    releasing = commands.add_parser(
        "release", parents=[shared], help="judge again by the registry as it is now"
    )
    releasing.add_argument("--all", action="store_true", help="without any filter")
    releasing.set_defaults(run=_release, changes=True)

    purging = commands.add_parser("purge", parents=[shared], help="delete for good")
    purging.add_argument("--all", action="store_true", help="without any filter")
    purging.set_defaults(run=_purge, changes=True)
    return parser


def _list(quarantine: Quarantine, which: Filter, options: argparse.Namespace) -> int:
    counts = quarantine.counts(which)
    total = sum(row["spans"] for row in counts)
    spans = [] if options.counts else quarantine.spans(which, limit=options.limit)
    if options.json:
        listed = [{name: row[name] for name in row if name != "span"} for row in spans]
        print(json.dumps({"total": total, "counts": counts, "spans": listed}, default=_text))
        return 0
    if not total:
        print("nothing in quarantine matches")
        return 0
    if options.counts:
        columns = ("spans", "reason", "principal", "claims", "last")
        rows = [
            (f"{row['spans']:,}", row["reason"], row["principal"], _claims(row), _text(row["last"]))
            for row in counts
        ]
    else:
        columns = ("received", "reason", "principal", "claims", "span", "name")
        rows = [
            (
                *(_text(row["received_at"]), row["reason"], row["principal"]),
                *(_claims(row), row["span_id"], row["name"]),
            )
            for row in spans
        ]
    print_table(columns, [[short(cell) for cell in row] for row in rows])
    if spans and len(spans) < total:
        print(f"{len(spans)} of {total:,}; --limit shows more, --counts sums up")
    return 0


def _show(quarantine: Quarantine, which: Filter, options: argparse.Namespace) -> int:
    found = quarantine.spans(which, span=options.span.lower(), limit=100)
    if not found:
        print(f"partywall quarantine: no span {plain(options.span)} matches", file=sys.stderr)
        return 1
    shown = [{**row, "span": json.loads(row["span"])} for row in found]
    if options.json:
        print(json.dumps({"spans": shown}, default=_text))
    else:
        for row in shown:
            print(json.dumps(row, default=_text, indent=2))
    return 0


def _release(quarantine: Quarantine, which: Filter, options: argparse.Namespace) -> int:
    if which.reason and which.reason not in RELEASABLE:
        raise _CannotRun(
            f"no change of the registry mends `{plain(which.reason)}`; it mends "
            + " and ".join(f"`{reason}`" for reason in RELEASABLE)
        )
    done = quarantine.release(which)
    if options.json:
        said = {"released": done.released, "refused": done.refused, "left": done.left}
        print(json.dumps(said))
    else:
        print(f"released {_counts(done.released)}")
        if done.refused:
            print(f"refused again {_counts(done.refused)}")
        if done.left:
            print(f"{done.left:,} stay: the registry does not bear their claim out")
    return 0 if done.released else 1


def _purge(quarantine: Quarantine, which: Filter, options: argparse.Namespace) -> int:
    count = quarantine.purge(which)
    print(json.dumps({"purged": count}) if options.json else f"purged {count:,} spans")
    return 0 if count else 1


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _counts(counts: Mapping[str, int]) -> str:
    total = f"{sum(counts.values()):,} spans"
    listed = ", ".join(f"{plain(name)} {count:,}" for name, count in sorted(counts.items()))
    return f"{total}: {listed}" if listed else total


def _claims(row: Mapping[str, Any]) -> str:
    return ", ".join(row["claimed_tenants"]) or "-"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
