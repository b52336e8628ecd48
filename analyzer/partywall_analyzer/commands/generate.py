"""`partywall generate`: makes a seeded world with planted crossings, to be replayed and scored."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from partywall_analyzer.generator.kinds import kinds
from partywall_analyzer.generator.knobs import LIMITS, KnobError, Knobs, Range
from partywall_analyzer.generator.writing import FILES, Generated, generate, write

EXAMPLES = """\
examples:
  partywall generate world
  partywall replay world/traces.binpb.gz --registry world/registry.yaml
  partywall generate hard --value-noise 0.3 --span-loss 0.05 --clock-skew 30 --links 0.3
  partywall generate --list

exit code: 0 written, 2 it could not be
"""

HELP = {
    "seed": "the same seed gives the same bytes",
    "tenants": "how many tenants",
    "sessions": "how many stories, most of them one session long",
    "planted": "share of them with a planted crossing or its twin",
    "positives": "share of those in which it is a crossing",
    "zipf": "how unequally busy the tenants are; 0: all alike",
    "hops": "how many calls data passes on its way",
    "depth": "how many agents stand above a call",
    "relays": "over how many sessions a relay goes",
    "delay": "seconds between sessions of one story",
    "links": "share of sub-agents that are linked to their parent, in a trace of their own",
    "value_noise": "share of values that are paraphrased, cut, rounded, encoded or split",
    "span_loss": "share of spans that never arrive",
    "clock_skew": "how many seconds a host's clock may be off",
    "content_off": "share of calls whose arguments and result are not recorded",
    "unbound": "share of spans with no tenant, an unknown one, or two",
    "repeats": "share of requests that are sent twice",
    "disorder": "share of requests that arrive out of order",
    "late": "share of requests that arrive after all others",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    if options.list:
        _list_kinds(as_json=options.json)
        return 0
    if options.folder is None:
        print("partywall generate: name a folder, or give --list", file=sys.stderr)
        return 2
    try:
        knobs = Knobs(
            kinds=_names(options.kinds), **{name: getattr(options, name) for name in HELP}
        )
        made = generate(knobs)
        files = write(made, options.folder, options.format)
    except (KnobError, OSError) as error:
        print(f"partywall generate: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(made.counts() | {"files": [str(path) for path in files]}))
    else:
        _print(made, files)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall generate",
        description="Make sessions of many tenants with planted crossings and benign twins: OTLP "
        "files, a registry, and labels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="where to write")
    parser.add_argument("--list", action="store_true", help="list the kinds, and write nothing")
    parser.add_argument("--kinds", metavar="NAME,...", default="", help="plant only these")
    parser.add_argument(
        "--format", choices=FILES, default="protobuf", help="of the traces (default: %(default)s)"
    )
    for knob in fields(Knobs):
        if knob.name in HELP:
            default: Any = knob.default
            parser.add_argument(
                f"--{knob.name.replace('_', '-')}",
                type=_range if isinstance(default, Range) else _number(default),
                default=default,
                metavar="MIN-MAX" if isinstance(default, Range) else "N",
                help=f"{HELP[knob.name]} (default: {_told(default)}{_limits(knob.name)})",
            )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _number(default: float) -> type[int] | type[float]:
    return int if isinstance(default, int) else float


def _range(text: str) -> Range:
    least, _, most = text.partition("-")
    return Range(int(least), int(most or least))


def _told(value: Any) -> str:
    return f"{value.least}-{value.most}" if isinstance(value, Range) else str(value)


def _limits(name: str) -> str:
    limits = LIMITS.get(name)
    return f"; from {limits[0]:,} to {limits[1]:,}" if limits else ""


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _list_kinds(*, as_json: bool) -> None:
    if as_json:
        told = [
            {"kind": k.name, "group": k.group, "plants": k.says, "twin": k.twin}
            for k in kinds().values()
        ]
        print(json.dumps(told))
        return
    for kind in kinds().values():
        print(f"{kind.name}\n    {kind.says}\n    twin: {kind.twin}")


def _print(made: Generated, files: Sequence[Path]) -> None:
    counts = made.counts()
    print(f"{counts['spans']:,} spans in {counts['requests']:,} requests\n")
    rows = [(kind, *(f"{n:,}" for n in numbers)) for kind, numbers in counts["kinds"].items()]
    if rows:
        _table(("kind", "planted", "can be seen", "twins"), rows)
        print()
    for path in files:
        print(path)
    traces, registry = files[:2]
    print(f"\nAnalyze it: partywall replay {traces} --registry {registry} && partywall analyze")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for at, head in enumerate(heads):
        number = bool(rows) and rows[0][at].replace(",", "").isdigit()
        table.add_column(head, justify="right" if number else "left", no_wrap=at == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)
