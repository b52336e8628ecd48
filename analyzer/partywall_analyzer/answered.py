"""Draws what was done about a finding: where each tenant stands, and one line a response."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from partywall_analyzer.model import Finding, iso
from partywall_analyzer.names import clean
from partywall_analyzer.responses import OPERATOR
from partywall_analyzer.standing import Kind, Response, Standing

_LONGEST_NOTE: Final = 400


def answered(finding: Finding) -> Iterator[RenderableType]:
    """The lines below a finding; none where nothing was done."""
    for standing in finding.standings:
        yield Text(stands(standing))
    yield Text()
    yield responses_table(finding.responses)
    for tenant, taken in times_to_revoke(finding.responses).items():
        yield Text(f"Revoked for {clean(tenant) or OPERATOR} after {span(taken)}.")


def stands(standing: Standing) -> str:
    """`acme: closed by ann on 2026-03-02 (false-positive)`."""
    said = f"{clean(standing.tenant) or OPERATOR}: {standing.state}"
    if standing.at is None:
        return said
    if standing.reason.startswith("rose to"):
        return f"{said} again, as its severity {standing.reason} after {_by(standing)} closed it"
    reason = f" ({clean(standing.reason)})" if standing.reason else ""
    return f"{said} by {_by(standing)} on {standing.at:%Y-%m-%d %H:%M}{reason}"


def responses_table(responses: Sequence[Response]) -> Table:
    """One line each: when, for whom, what, by whom, and what was said."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("time", "tenant", "response", "by"):
        table.add_column(heading, no_wrap=True)
    table.add_column("said", overflow="fold")
    for each in responses:
        outcome = f" {each.outcome}" if each.outcome != "done" else ""
        said = [clean(each.target), clean(each.reason), clean(each.note, _LONGEST_NOTE)]
        table.add_row(
            Text(iso(each.at)[:19].replace("T", " ")),
            Text(clean(each.tenant) or OPERATOR),
            Text(f"{each.kind}{outcome}"),
            Text(clean(each.actor)),
            Text("; ".join(filter(None, said))),
        )
    return table


def times_to_revoke(responses: Sequence[Response]) -> dict[str, timedelta]:
    """By tenant, how long it took from the first request to contain until the revocation."""
    asked: dict[str, datetime] = {}
    taken: dict[str, timedelta] = {}
    for each in responses:
        if each.kind is not Kind.CONTAIN:
            continue
        if each.outcome == "requested":
            asked.setdefault(each.tenant, each.at)
        elif each.outcome == "confirmed" and each.tenant in asked:
            taken.setdefault(each.tenant, each.at - asked[each.tenant])
    return taken


def span(taken: timedelta) -> str:
    """A duration as one says it: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = max(taken.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _by(standing: Standing) -> str:
    return clean(standing.actor)
