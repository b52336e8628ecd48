"""Draws a finding in the terminal: one lane a tenant, time downward, the crossing marked."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from partywall_analyzer.answered import answered
from partywall_analyzer.model import (
    EXTERNAL,
    Answer,
    Chain,
    Finding,
    Hop,
    Node,
    Severity,
    Verdict,
)

SYMBOLS: Final = {
    Severity.CRITICAL: "▲",
    Severity.HIGH: "◆",
    Severity.MEDIUM: "●",
    Severity.LOW: "○",
    Severity.INFO: "·",
}
STYLES: Final = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "yellow",
    Severity.MEDIUM: "cyan",
    Severity.LOW: "default",
    Severity.INFO: "dim",
}
WIDEST: Final = 100
NARROWEST_LANE: Final = 18
_SHOWN_CALLS: Final = 5
_WARNING: Final = "!"


def print_finding(finding: Finding, console: Console) -> None:
    """Print a finding: what happened, the lanes, six answers with their proof, and its calls."""
    width = min(console.width, WIDEST)
    console.print(Group(*_finding(finding, width)), width=width)


def severity_text(severity: Severity) -> Text:
    """A severity as symbol and word: its colour says nothing that the two do not."""
    return Text(f"{SYMBOLS[severity]} {severity.value}", style=STYLES[severity])


def answer_rows(answers: Sequence[Answer]) -> RenderableType:
    """The answers below each other, each with its proof line; a missing proof has a mark."""
    table = Table.grid(padding=(0, 2))
    table.add_column(width=20, no_wrap=True)
    table.add_column(overflow="fold")
    for answer in answers:
        proof = Text(answer.proof, style="dim")
        if not answer.proven:
            proof = Text.assemble((f"{_WARNING} ", "bold yellow"), (answer.proof, "yellow"))
        table.add_row(
            Text(answer.question, style="dim"), Text.assemble((answer.answer, "bold"), "\n", proof)
        )
    return table


def _finding(finding: Finding, width: int) -> Iterator[RenderableType]:
    yield _badges(finding)
    yield Text(finding.title, style="bold")
    yield Text()
    yield Text(finding.sentence)
    yield Text()
    yield from _lanes(finding.chain, width)
    yield Text()
    yield answer_rows(finding.evidence.answers)
    yield Text()
    yield _calls(finding)
    yield _footer(finding)
    if finding.responses:
        yield Text()
        yield from answered(finding)


def _badges(finding: Finding) -> Text:
    verdict = "bold" if finding.verdict is Verdict.UNAUTHORISED else "default"
    parts = [
        severity_text(finding.severity),
        Text(finding.verdict.value, style=verdict),
        Text(f"proof {finding.proof}", style="dim"),
        Text(finding.rule, style="dim"),
        Text(finding.id, style="dim"),
    ]
    if finding.state not in ("new", "open"):
        parts.append(Text(finding.state, style="bold"))
    return Text("  ").join(parts)


def _calls(finding: Finding) -> Text:
    shown = ", ".join(f"{call.trace_id}/{call.span_id}" for call in finding.calls[:_SHOWN_CALLS])
    more = len(finding.calls) - _SHOWN_CALLS
    tail = f", and {more} more" if more > 0 else ""
    plural = "Crossing calls" if len(finding.calls) != 1 else "Crossing call"
    return Text(f"{plural}: {shown}{tail}", style="dim")


def _footer(finding: Finding) -> Text:
    return Text("Frameworks: " + ", ".join(finding.evidence.frameworks), style="dim")


# --- Lanes -------------------------------------------------------------------------------------


def lanes(chain: Chain) -> list[str]:
    """The tenants of a chain in the order in which they appear, what is outside last."""
    nodes = {node.id: node for node in chain.nodes}
    ends = (nodes[end] for hop in chain.hops for end in (hop.source, hop.target))
    seen = dict.fromkeys(node.tenant for node in ends)
    return sorted(seen, key=lambda tenant: tenant in (EXTERNAL, ""))


def _lanes(chain: Chain, width: int) -> Iterator[RenderableType]:
    if not chain.hops:
        return
    tenants = lanes(chain)
    widths = _widths(chain, tenants, width - 3 * (len(tenants) - 1))
    if min(widths) < NARROWEST_LANE:
        yield from _listed(chain)
    else:
        yield from _Lanes(chain, tenants, widths).rows()


def _widths(chain: Chain, tenants: Sequence[str], room: int) -> list[int]:
    """As wide as each lane needs; where there is no room for all, the widest ones give way."""
    nodes = {node.id: node for node in chain.nodes}
    needs = {tenant: max(NARROWEST_LANE, cell_len(_lane_name(tenant))) for tenant in tenants}

    def need(tenant: str, text: str, more: int) -> None:
        needs[tenant] = max(needs[tenant], cell_len(text) + more)

    for node in nodes.values():
        if node.tenant in needs:
            need(node.tenant, f"{node.kind} {node.label}", 8)
    for hop in chain.hops:
        across = nodes[hop.source].tenant != nodes[hop.target].tenant
        need(nodes[hop.source].tenant, _labels(hop)[0], 8 if across else 4)
    widths = [needs[tenant] for tenant in tenants]
    while sum(widths) > max(room, 0):
        widths[widths.index(max(widths))] -= 1
    return widths


class _Lanes:
    """The rows of a picture: a node stands in the lane of its tenant, a hop leads to the next."""

    def __init__(self, chain: Chain, tenants: Sequence[str], widths: Sequence[int]) -> None:
        self._chain = chain
        self._tenants = list(tenants)
        self._widths = widths
        self._nodes = {node.id: node for node in chain.nodes}
        self._numbers: dict[str, int] = {}
        self._last = ""

    def rows(self) -> Iterator[Text]:
        names = [_lane_name(tenant) for tenant in self._tenants]
        yield self._row({at: Text(name, style="bold") for at, name in enumerate(names)})
        yield self._row({at: Text("─" * cell_len(name)) for at, name in enumerate(names)})
        for hop in self._chain.hops:
            source, target = self._nodes[hop.source], self._nodes[hop.target]
            if hop.source != self._last:
                yield self._node_row(source)
            if source.tenant == target.tenant:
                at = self._lane(source)
                label = _fitting(_labels(hop), self._widths[at] - 4)
                yield self._row({at: Text(f"  │ {label}", style="dim")})
                yield self._node_row(target)
            else:
                yield self._across(hop, self._lane(source), target)

    def _lane(self, node: Node) -> int:
        return self._tenants.index(node.tenant)

    def _node_row(self, node: Node) -> Text:
        return self._row({self._lane(node): self._named(node)})

    def _named(self, node: Node) -> Text:
        """A node with its number; dim from the second time on."""
        known = node.id in self._numbers
        number = self._numbers.setdefault(node.id, len(self._numbers) + 1)
        self._last = node.id
        label = (node.label, "dim" if known else "")
        return Text.assemble((f"{number:>2} ", "dim"), (f"{node.kind} ", "dim"), label)

    def _row(self, cells: dict[int, Text]) -> Text:
        row = Text(no_wrap=True, overflow="ellipsis")
        for at, width in enumerate(self._widths):
            row.append_text(Text(" ║ ", style="dim") if at else Text())
            row.append_text(_fitted(cells.get(at, Text()), width))
        return row

    def _across(self, hop: Hop, start: int, target: Node) -> Text:
        """An arrow through the walls to a node, its label in the lane that it leaves."""
        end = self._lane(target)
        line, style = ("━", "bold red") if hop.crossing else ("─", "dim")
        row = Text(no_wrap=True, overflow="ellipsis")
        for at, width in enumerate(self._widths):
            through = min(start, end) < at <= max(start, end)
            if at:
                wall_style = style if through else "dim"
                row.append(f"{line}╫{line}" if through else " ║ ", style=wall_style)
            if at == end:
                row.append_text(_arrival(self._named(target), start < end, line, style, width))
            elif at == start:
                row.append(_departure(_labels(hop), start < end, line, width), style=style)
            else:
                row.append((line if through else " ") * width, style=style)
        return row


def _arrival(named: Text, rightward: bool, line: str, style: str, width: int) -> Text:
    if rightward:
        return _fitted(Text.assemble((f"{line}▶", style), named), width)
    named.truncate(width - 3, overflow="ellipsis")
    return Text.assemble(named, (f" ◀{line * (width - named.cell_len - 2)}", style))


def _departure(labels: Sequence[str], rightward: bool, line: str, width: int) -> str:
    label = f" {_fitting(labels, width - 8)} "
    rest = line * (width - 2 - cell_len(label))
    return f"  {label}{rest}" if rightward else f"{rest}{label}  "


def _labels(hop: Hop) -> list[str]:
    """What a hop says, the longest first; that it crosses is said as long as there is room."""
    mark = " CROSSES" if hop.crossing else ""
    clock = f" {hop.time[11:19]}" if hop.time else ""
    words = [f"{hop.label}{clock} {hop.proof}", f"{hop.label} {hop.proof}", hop.label]
    return [*(f"{said}{mark}" for said in words), mark.strip() or hop.label]


def _fitting(labels: Sequence[str], width: int) -> str:
    fits = (label for label in labels if cell_len(label) <= width)
    return next(fits, None) or set_cell_size(labels[-1], max(width, 0))


def _listed(chain: Chain) -> Iterator[Text]:
    """The hops one below the other, for a narrow terminal or many tenants."""
    nodes = {node.id: node for node in chain.nodes}
    for hop in chain.hops:
        ends = [nodes[hop.source], nodes[hop.target]]
        said = [f"{node.kind} {node.label} ({_lane_name(node.tenant)})" for node in ends]
        style = "bold red" if hop.crossing else ""
        yield Text(f"  {said[0]} ─ {_labels(hop)[0]} ─▶ {said[1]}", style=style)


def _lane_name(tenant: str) -> str:
    return {EXTERNAL: "outside all tenants", "": "shared"}.get(tenant, tenant)


def _fitted(text: Text, width: int) -> Text:
    fitted = text.copy()
    fitted.truncate(width, overflow="ellipsis", pad=True)
    return fitted
