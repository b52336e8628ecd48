"""Draws a finding in the terminal: one lane a tenant, time downward, the crossing marked."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from partywall_analyzer.chains import lanes
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
NARROWEST_LANE: Final = 20
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


def _badges(finding: Finding) -> Text:
    verdict = "bold" if finding.verdict is Verdict.UNAUTHORISED else "default"
    parts = [
        severity_text(finding.severity),
        Text(finding.verdict.value, style=verdict),
        Text(f"proof {finding.proof}", style="dim"),
        Text(finding.rule, style="dim"),
        Text(finding.id, style="dim"),
    ]
    if finding.state != "open":
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


def _lanes(chain: Chain, width: int) -> Iterator[RenderableType]:
    tenants = lanes(chain)
    column = (width - 3 * max(len(tenants) - 1, 0)) // max(len(tenants), 1)
    if not chain.hops:
        return
    if column < NARROWEST_LANE:
        yield from _listed(chain)
        return
    yield from _Lanes(chain, tenants, column).rows()


class _Lanes:
    """The rows of a picture: a node stands in the lane of its tenant, a hop leads to the next."""

    def __init__(self, chain: Chain, tenants: Sequence[str], column: int) -> None:
        self._chain = chain
        self._tenants = list(tenants)
        self._column = column
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
                yield self._row({self._lane(source): Text(f"  │ {_told(hop)}", style="dim")})
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
        for at in range(len(self._tenants)):
            row.append_text(Text(" ║ ", style="dim") if at else Text())
            row.append_text(_fitted(cells.get(at, Text()), self._column))
        return row

    def _across(self, hop: Hop, start: int, target: Node) -> Text:
        """An arrow through the walls to a node, its label in the lane that it leaves."""
        end = self._lane(target)
        line, style = ("━", "bold red") if hop.crossing else ("─", "dim")
        label = f" {_told(hop)} " + ("CROSSES " if hop.crossing else "")
        row = Text(no_wrap=True, overflow="ellipsis")
        for at in range(len(self._tenants)):
            through = min(start, end) < at <= max(start, end)
            if at:
                row.append(
                    f"{line}╫{line}" if through else " ║ ", style=style if through else "dim"
                )
            if at == end:
                row.append_text(self._arrival(target, start < end, line, style))
            elif min(start, end) <= at <= max(start, end):
                text = label if at == start else ""
                row.append(self._departure(text, start < end, line), style=style)
            else:
                row.append(" " * self._column)
        return row

    def _arrival(self, target: Node, rightward: bool, line: str, style: str) -> Text:
        if rightward:
            return _fitted(Text.assemble((f"{line}▶", style), self._named(target)), self._column)
        named = self._named(target)
        named.truncate(self._column - 3, overflow="ellipsis")
        rest = line * (self._column - named.cell_len - 2)
        return Text.assemble(named, (f" ◀{rest}", style))

    def _departure(self, label: str, rightward: bool, line: str) -> str:
        if not label:
            return line * self._column
        text = set_cell_size(label, min(cell_len(label), self._column - 4))
        rest = line * (self._column - 2 - cell_len(text))
        return f"  {text}{rest}" if rightward else f"{rest}{text}  "


def _listed(chain: Chain) -> Iterator[Text]:
    """The hops one below the other, for a narrow terminal or many tenants."""
    nodes = {node.id: node for node in chain.nodes}
    for hop in chain.hops:
        ends = [nodes[hop.source], nodes[hop.target]]
        said = [f"{node.kind} {node.label} ({_lane_name(node.tenant)})" for node in ends]
        mark = "CROSSES " if hop.crossing else ""
        style = "bold red" if hop.crossing else ""
        yield Text(f"  {said[0]} ─ {_told(hop)} ─▶ {mark}{said[1]}", style=style)


def _told(hop: Hop) -> str:
    clock = f" {hop.time[11:19]}" if hop.time else ""
    return f"{hop.label}{clock} {hop.proof}"


def _lane_name(tenant: str) -> str:
    return {EXTERNAL: "outside all tenants", "": "shared"}.get(tenant, tenant)


def _fitted(text: Text, width: int) -> Text:
    fitted = text.copy()
    fitted.truncate(width, overflow="ellipsis", pad=True)
    return fitted
