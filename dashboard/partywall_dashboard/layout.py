"""Where each step of a chain stands: a lane for each tenant, a column for each step in time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from partywall_analyzer.model import EXTERNAL, Chain, Hop, Node
from partywall_dashboard.settings import LANES

NARROWEST: Final = 104
WIDEST: Final = 196
HEIGHT: Final = 44
BETWEEN_COLUMNS: Final = 56
BETWEEN_ROWS: Final = 16
BETWEEN_PORTS: Final = 15.0
LANE_HEAD: Final = 32
SIDE: Final = 20
LETTER: Final = 6.6
"""The width of a letter of a step, on average."""
SMALL_LETTER: Final = 5.4
LABEL: Final = 21
"""Letters that a hop's label shows."""
PILL: Final = 148
"""The room for the words on a hop through the wall."""

OUTSIDE: Final = "outside all tenants"
SHARED: Final = "shared"

FOLDED: Final = "folded"
FOLD_ABOVE: Final = 20
"""A chain with more steps than this opens folded."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The ground of one tenant."""

    name: str
    y: int
    height: int
    colour: str


@dataclass(frozen=True, slots=True)
class Step:
    """A node with its place."""

    id: str
    kind: str
    label: str
    lane: str
    x: int
    y: int
    width: int
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Line:
    """A hop with its ports: how far from the middle it leaves one side and enters the other."""

    source: str
    target: str
    label: str
    proof: str
    crossing: bool
    leaves: float = 0
    enters: float = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A chain with everything placed."""

    steps: tuple[Step, ...]
    hops: tuple[Line, ...]
    lanes: tuple[Lane, ...]
    width: int
    height: int

    def to_dict(self) -> dict[str, Any]:
        """The form that `chain.js` draws."""
        drawn = asdict(self)
        for hop in drawn["hops"]:
            hop["from"], hop["to"] = hop.pop("source"), hop.pop("target")
        return drawn


def lane_of(tenant: str) -> str:
    """What stands on a lane."""
    return {EXTERNAL: OUTSIDE, "": SHARED}.get(tenant, tenant)


def colours(tenants: Iterable[str]) -> dict[str, str]:
    """One colour for each lane of a page, by order of appearance; grey for what is no tenant."""
    names = [name for name in dict.fromkeys(tenants) if name not in (EXTERNAL, "")]
    palette = LANES[:-1]
    of_tenants = {name: palette[i % len(palette)] for i, name in enumerate(names)}
    return of_tenants | {OUTSIDE: LANES[-1], SHARED: LANES[-1]}


def known_hops(chain: Chain) -> tuple[Hop, ...]:
    """The hops between steps that the chain has."""
    known = {node.id for node in chain.nodes}
    return tuple(hop for hop in chain.hops if hop.source in known and hop.target in known)


def fold(chain: Chain) -> Chain:
    """The crossings, what is next to them and the start; neighbours in between become one step."""
    chain = Chain(chain.nodes, known_hops(chain))
    ends = {end for hop in chain.hops if hop.crossing for end in (hop.source, hop.target)}
    kept = set(ends) | {node.id for node in chain.nodes[:1]}
    for hop in chain.hops:
        if hop.source in ends or hop.target in ends:
            kept |= {hop.source, hop.target}
    group = _groups(chain, kept)
    sizes: dict[str, int] = defaultdict(int)
    for node in chain.nodes:
        sizes[group[node.id]] += 1
    nodes = tuple(
        node
        if node.id in kept or sizes[node.id] == 1
        else Node(node.id, FOLDED, f"{sizes[node.id]} steps", node.tenant)
        for node in chain.nodes
        if group[node.id] == node.id
    )
    hops = {
        (group[hop.source], group[hop.target], hop.crossing): replace(
            hop,
            source=group[hop.source],
            target=group[hop.target],
            label=hop.label if hop.source in kept and hop.target in kept else "",
        )
        for hop in chain.hops
        if group[hop.source] != group[hop.target]
    }
    return Chain(nodes, tuple(hops.values()))


def _groups(chain: Chain, kept: set[str]) -> dict[str, str]:
    """Each node's group: itself if kept, else the first node it hangs together with in its lane."""
    tenant = {node.id: node.tenant for node in chain.nodes}
    rank = {node.id: i for i, node in enumerate(chain.nodes)}
    group = {node.id: node.id for node in chain.nodes}
    changed = True
    while changed:
        changed = False
        for hop in chain.hops:
            a, b = hop.source, hop.target
            if a in kept or b in kept or tenant[a] != tenant[b] or group[a] == group[b]:
                continue
            first = min(group[a], group[b], key=rank.__getitem__)
            group[a] = group[b] = first
            changed = True
    return group


def columns(nodes: Sequence[Node], hops: Sequence[Hop]) -> dict[str, int]:
    """Each node right of all that lead to it; in a ring the first listed goes first."""
    before: dict[str, set[str]] = {node.id: set() for node in nodes}
    after: dict[str, set[str]] = {node.id: set() for node in nodes}
    for hop in hops:
        if hop.source != hop.target:
            before[hop.target].add(hop.source)
            after[hop.source].add(hop.target)
    waiting = dict.fromkeys(before)
    column: dict[str, int] = {}
    while waiting:
        ready = next((id for id in waiting if before[id] <= column.keys()), next(iter(waiting)))
        del waiting[ready]
        column[ready] = max((column[id] + 1 for id in before[ready] if id in column), default=0)
    for id in before:  # what nothing leads to (a credential) stands just before its first use
        if not before[id] and after[id]:
            column[id] = max(0, min(column[next_] for next_ in after[id]) - 1)
    return column


def place(chain: Chain, colour: dict[str, str]) -> Picture:
    """The whole picture."""
    hops = _merged(known_hops(chain))
    column = columns(chain.nodes, hops)
    row = _rows(chain.nodes, hops, column)
    widths = _widths(chain.nodes, column)
    left = _lefts(hops, column, widths)
    lanes: list[Lane] = []
    steps: list[Step] = []
    y = 0
    for name in dict.fromkeys(lane_of(node.tenant) for node in chain.nodes):
        here = [node for node in chain.nodes if lane_of(node.tenant) == name]
        rows = 1 + max(row[node.id] for node in here)
        height = LANE_HEAD + rows * (HEIGHT + BETWEEN_ROWS) + 4
        lanes.append(Lane(name, y, height, colour.get(name, LANES[-1])))
        steps += [
            Step(
                node.id,
                node.kind,
                node.label,
                name,
                left[column[node.id]],
                y + LANE_HEAD + row[node.id] * (HEIGHT + BETWEEN_ROWS),
                widths[column[node.id]],
            )
            for node in here
        ]
        y += height + 8
    width = left[-1] + widths[-1] + SIDE
    return Picture(tuple(steps), _ports(hops, steps), tuple(lanes), width, max(0, y - 8))


def _merged(hops: Iterable[Hop]) -> list[Hop]:
    """One line between two steps, with the words of all hops there and their best proof."""
    between: dict[tuple[str, str], list[Hop]] = defaultdict(list)
    for hop in hops:
        between[hop.source, hop.target].append(hop)
    return [
        replace(
            same[0],
            label=", ".join(dict.fromkeys(hop.label for hop in same if hop.label)),
            proof=max(hop.proof for hop in same),
            crossing=any(hop.crossing for hop in same),
        )
        for same in between.values()
    ]


def _widths(nodes: Sequence[Node], column: dict[str, int]) -> list[int]:
    """Each column is as wide as its longest label needs, within limits."""
    widths = [NARROWEST] * (1 + max(column.values(), default=0))
    for node in nodes:
        needed = min(WIDEST, int(48 + LETTER * len(node.label)))
        widths[column[node.id]] = max(widths[column[node.id]], needed)
    return widths


def _lefts(hops: Sequence[Hop], column: dict[str, int], widths: Sequence[int]) -> list[int]:
    """Where each column begins: before it there is room for the words on the hops into it."""
    room = [BETWEEN_COLUMNS] * len(widths)
    for hop in hops:
        words = PILL if hop.crossing else 26 + int(SMALL_LETTER * min(LABEL, len(hop.label)))
        room[column[hop.target]] = max(room[column[hop.target]], words)
    left = [SIDE]
    for before in range(len(widths) - 1):
        left.append(left[-1] + widths[before] + room[before + 1])
    return left


def _rows(nodes: Sequence[Node], hops: Sequence[Hop], column: dict[str, int]) -> dict[str, int]:
    """The row of each node in its lane: beside what leads to it, and under no line in passing."""
    lane = {node.id: node.tenant for node in nodes}
    taken: set[tuple[str, int, int]] = set()
    row: dict[str, int] = {}
    for id in sorted(column, key=column.__getitem__):
        sources = [hop.source for hop in hops if hop.target == id and lane[hop.source] == lane[id]]
        at = min((row[source] for source in sources if source in row), default=0)
        while (lane[id], column[id], at) in taken:
            at += 1
        taken.add((lane[id], column[id], at))
        row[id] = at
        for hop in hops:
            if hop.source == id and lane[hop.target] == lane[id]:
                passed = range(column[id] + 1, column[hop.target])
                taken |= {(lane[id], between, at) for between in passed}
    return row


def _ports(hops: Sequence[Hop], steps: Sequence[Step]) -> tuple[Line, ...]:
    """Hops that share a side of a step are kept apart, in the order of their other ends."""
    at = {step.id: step for step in steps}
    onward = [hop for hop in hops if at[hop.source].x < at[hop.target].x]
    leaves = _spread([(hop.source, at[hop.target].y) for hop in onward])
    enters = _spread([(hop.target, at[hop.source].y) for hop in onward])
    ports = {id(hop): ends for hop, *ends in zip(onward, leaves, enters, strict=True)}
    return tuple(
        Line(
            hop.source,
            hop.target,
            hop.label,
            hop.proof.value,
            hop.crossing,
            *ports.get(id(hop), (0.0, 0.0)),
        )
        for hop in hops
    )


def _spread(ends: Sequence[tuple[str, int]]) -> list[float]:
    """For each (step, height of the other end) the offset of its port."""
    offsets = [0.0] * len(ends)
    at: dict[str, list[int]] = defaultdict(list)
    for i, (id, _) in enumerate(ends):
        at[id].append(i)
    for sharing in at.values():
        sharing.sort(key=lambda i: ends[i][1])
        gap = min(BETWEEN_PORTS, 30.0 / max(1, len(sharing) - 1))
        for place, i in enumerate(sharing):
            offsets[i] = round((place - (len(sharing) - 1) / 2) * gap, 1)
    return offsets
