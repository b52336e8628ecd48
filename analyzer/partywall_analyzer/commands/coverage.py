"""`partywall coverage`: how much of each tenant's calls can be answered for, and what lacks."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.covering import MEASURES, NEEDED, Gap, TenantCoverage, below, coverage
from partywall_analyzer.findings import OPERATOR
from partywall_analyzer.names import clean
from partywall_collector.commands.options import moment
from partywall_collector.commands.tables import print_table
from partywall_collector.store import open_store

EXAMPLES: Final = f"""\
  partywall coverage
  partywall coverage --tenant acme --since 7d
  partywall coverage --fail-under 95 --fail-under approval=50

measures: {", ".join(MEASURES)}
exit code: 0 done, 1 below --fail-under, 2 could not run
"""

SHOWN: Final = 12
"""Gaps of each tenant; --json has them all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = parser(
        "coverage", "How much of each tenant's tool calls can be answered for.", EXAMPLES
    )
    arguments.add_argument("--tenant", metavar="ID", default="", help="only of this tenant")
    arguments.add_argument("--since", type=moment, metavar="TIME", help="24h, 7d, or ISO 8601")
    arguments.add_argument("--until", type=moment, metavar="TIME", help="before that time")
    arguments.add_argument(
        "--fail-under",
        action="append",
        default=[],
        type=_threshold,
        metavar="[MEASURE=]PERCENT",
        help="exit with 1 if a tenant has less; without a measure it is for each of "
        + ", ".join(NEEDED),
    )
    options = arguments.parse_args(argv)
    return guarded("coverage", lambda: _run(options))


def _threshold(text: str) -> dict[str, float]:
    """A percentage, of one measure or of all that are needed."""
    name, _, number = text.rpartition("=")
    with suppress(ValueError):
        percent = float(number.removesuffix("%"))
        if 0 <= percent <= 100 and (not name or name in MEASURES):
            return dict.fromkeys([name] if name else NEEDED, percent)
    raise argparse.ArgumentTypeError(
        f"'{text}' is neither a percentage, as 95, nor one of a measure, as approval=95; "
        f"measures: {', '.join(MEASURES)}"
    )


def _run(options: argparse.Namespace) -> int:
    with open_store(options.store, role="reader") as store:
        found = coverage(
            store, OPERATOR, tenant=options.tenant, since=options.since, until=options.until
        )
    least: dict[str, float] = {}
    for each in options.fail_under:
        least |= each
    failed = below(found, least)
    if options.json:
        print(
            json.dumps(
                {
                    "tenants": [each.to_dict() for each in found],
                    "below": [{"tenant": each.tenant, "measure": name} for each, name in failed],
                }
            )
        )
        return 1 if failed else 0
    if not found:
        print("no tool calls and no refused spans in this time")
        return 0
    _print(found)
    for each, name in failed:
        print(
            f"partywall coverage: {clean(each.tenant)}: {name} is {each.percent(name):.1f} %, "
            f"not {least[name]:g} %",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _print(found: Sequence[TenantCoverage]) -> None:
    head = ["tenant", "calls", *MEASURES, "lost", "refused"]
    print_table(head, [_row(each) for each in found])
    told = [line for each in found for line in _told(each)]
    if told:
        print()
        print("\n".join(told))


def _row(each: TenantCoverage) -> list[str]:
    shares = [f"{each.percent(name):.0f} %" if each.calls else "-" for name in MEASURES]
    refused = sum(each.quarantined.values())
    name = clean(each.tenant) if each.tenant else "(none)"
    return [name, f"{each.calls:,}", *shares, _some(each.lost), _some(refused)]


def _some(count: int) -> str:
    return f"{count:,}" if count else "-"


def _told(each: TenantCoverage) -> Iterator[str]:
    """What is missing, and what would mend it."""
    name = clean(each.tenant) if each.tenant else "(no tenant claimed)"
    gaps = each.gaps[:SHOWN]
    if each.lost or each.unclosed or each.quarantined or gaps:
        yield name
    mended: set[str] = set()
    for gap in gaps:
        yield f"  {_gap(gap)}"
        if gap.measure not in mended:
            yield f"    -> {MEASURES[gap.measure].mend}"
        mended.add(gap.measure)
    if len(each.gaps) > len(gaps):
        yield f"  and {len(each.gaps) - len(gaps)} more; --json has them all"
    yield from (f"  {line}" for line in each.losses())


def _gap(gap: Gap) -> str:
    calls = "1 call" if gap.calls == 1 else f"{gap.calls:,} calls"
    by = f" by {clean(gap.agent)}" if gap.agent else ""
    lacks = MEASURES[gap.measure].lacks
    return f"{calls} of {clean(gap.tool) or 'an unnamed tool'}{by} {lacks}"
