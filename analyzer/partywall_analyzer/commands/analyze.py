"""`partywall analyze`: finds crossings, brings the ledger up to date, and says what is new."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.engine import Analysis, analyze
from partywall_analyzer.findings import OPERATOR, list_findings
from partywall_analyzer.model import Finding, Severity
from partywall_analyzer.ocsf import VERSIONS, to_ocsf
from partywall_analyzer.rules import FOLDERS
from partywall_analyzer.standing import LIVE
from partywall_collector.commands.options import moment
from partywall_collector.store import Store, open_store

EXAMPLES = """\
  partywall analyze
  partywall analyze --since 24h --fail-on critical
  partywall analyze --json | jq '.findings[].sentence'
  partywall analyze --format ocsf --tenant acme

exit code: 0 nothing at or above --fail-on, 1 something, 2 could not run
"""

SHOWN = 40
MOST = 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = parser("analyze", "Find where tool calls crossed between tenants.", EXAMPLES)
    arguments.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="list only what was seen since: 24h, 7d, or a time in ISO 8601 (default: everything)",
    )
    arguments.add_argument(
        "--whole",
        action="store_true",
        help="analyze everything anew, not only what came since the last time",
    )
    arguments.add_argument(
        "--fail-on",
        choices=[*Severity, "never"],
        default="high",
        metavar="SEVERITY",
        help="exit with 1 from this severity up: info, low, medium, high, critical or never "
        "(default: %(default)s)",
    )
    arguments.add_argument(
        "--rules",
        action="append",
        metavar="DIR",
        help="a folder of rules to add to ours; they are code (default: $PARTYWALL_RULES)",
    )
    arguments.add_argument(
        "--format",
        choices=["text", "json", "ocsf"],
        default="text",
        help="ocsf: one event a line, closed and withdrawn findings too (default: %(default)s)",
    )
    arguments.add_argument(
        "--ocsf-version", choices=list(VERSIONS), default="1.9", help="default: %(default)s"
    )
    arguments.add_argument(
        "--tenant", metavar="ID", default="", help="only this tenant's findings, its half of each"
    )
    options = arguments.parse_args(argv)
    options.json = options.json or options.format == "json"
    if options.rules:
        os.environ[FOLDERS] = os.pathsep.join(options.rules)
    return guarded("analyze", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    # A writer would make a store where there is none; a reader says that there is none.
    with open_store(options.store, role="reader"):
        pass
    with open_store(options.store, role="writer") as store:
        if options.json or not sys.stderr.isatty():
            analysis = analyze(store, whole=options.whole)
        else:
            analysis = _with_progress(store, options.whole)
        states = () if options.format == "ocsf" else LIVE
        found = list_findings(store, OPERATOR, since=options.since, states=states, limit=MOST)
        findings = found.rows
    if options.tenant:
        findings = _halves(findings, options.tenant)
        analysis = _of(analysis, findings)
    if options.format == "ocsf":
        for finding in findings:
            event = to_ocsf(finding, schema=options.ocsf_version, tenant=options.tenant)
            print(json.dumps(event))
    elif options.json:
        print(json.dumps(_json(analysis, findings)))
    else:
        _print(analysis, findings)
    for error in analysis.errors:
        print(f"partywall analyze: rule left out: {error}", file=sys.stderr)
    if analysis.errors:
        return 2
    if options.fail_on == "never":
        return 0
    limit = Severity(options.fail_on)
    live = (finding for finding in findings if finding.state in LIVE)
    return int(any(finding.severity.at_least(limit) for finding in live))


def _halves(findings: Sequence[Finding], tenant: str) -> list[Finding]:
    own = (f for f in findings if any(standing.tenant == tenant for standing in f.standings))
    return [finding.for_tenant(tenant) for finding in own]


def _of(analysis: Analysis, findings: Sequence[Finding]) -> Analysis:
    """What an analysis changed of these findings."""
    kept = {finding.id for finding in findings}

    def among(changed: Sequence[Finding]) -> list[Finding]:
        return [finding for finding in changed if finding.id in kept]

    return replace(
        analysis,
        new=among(analysis.new),
        changed=among(analysis.changed),
        withdrawn=among(analysis.withdrawn),
    )


def _with_progress(store: Store, whole: bool) -> Analysis:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("analyzing", total=None)

        def tell(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        return analyze(store, whole=whole, progress=tell)


def _json(analysis: Analysis, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "spans": analysis.spans,
        "seconds": round(analysis.seconds, 3),
        "errors": [str(error) for error in analysis.errors],
        "new": [finding.id for finding in analysis.new],
        "changed": [finding.id for finding in analysis.changed],
        "withdrawn": [finding.id for finding in analysis.withdrawn],
        "findings": [finding.to_dict() for finding in findings],
    }


def _print(analysis: Analysis, findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from partywall_analyzer.picture import WIDEST, severity_text

    console = Console(highlight=False)
    console.print(Text(_summary(analysis, findings)), width=min(console.width, WIDEST))
    if not findings:
        return
    new = {finding.id for finding in analysis.new}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading, width in (("severity", 10), ("finding", 10), ("verdict", 13), ("last seen", 11)):
        table.add_column(heading, width=width, no_wrap=True)
    table.add_column("what", overflow="fold")
    for finding in findings[:SHOWN]:
        table.add_row(
            severity_text(finding.severity),
            Text(short_id(finding)),
            Text(finding.verdict.value),
            Text(f"{finding.last_seen.astimezone(UTC):%m-%d %H:%M}"),
            Text(finding.title + _mark(finding, new)),
        )
    console.print()
    console.print(table, width=min(console.width, WIDEST))
    console.print()
    if len(findings) > SHOWN:
        console.print(Text(f"{len(findings) - SHOWN} more; all of them: partywall analyze --json"))
    console.print(Text(f"How one came about: partywall chain {short_id(findings[0])}"))


def _mark(finding: Finding, new: set[str]) -> str:
    if finding.id in new:
        return " (new)"
    return " (acknowledged)" if finding.state == "acknowledged" else ""


def _summary(analysis: Analysis, findings: Sequence[Finding]) -> str:
    counts = [
        f"{count} {severity.value}"
        for severity in reversed(Severity)
        if (count := sum(f.severity is severity for f in findings))
    ]
    found = len(findings)
    head = f"{analysis.spans:,} spans in {analysis.seconds:.1f} s: "
    if not found:
        return head + "no crossing found." + _moved(analysis)
    crossings = "1 crossing" if found == 1 else f"{found:,} crossings"
    return f"{head}{crossings} ({', '.join(counts)})." + _moved(analysis)


def _moved(analysis: Analysis) -> str:
    said = (
        f" {len(analysis.new)} new, {len(analysis.changed)} changed, "
        f"{len(analysis.withdrawn)} withdrawn."
    )
    return said if analysis.new or analysis.changed or analysis.withdrawn else " Nothing new."


def short_id(finding: Finding) -> str:
    """Enough of an id to type; `partywall chain` takes any beginning that only one has."""
    return finding.id[:10]
