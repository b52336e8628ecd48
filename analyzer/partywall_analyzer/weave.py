"""Weaves spans into lines and messages: the graph of how data can have moved.

A line is a thing with a history: a call, a session, a dataset. A message joins two lines and goes
forward in time (Lamport's space-time diagram). Each end of a message is a moment; every edge of
the graph leads to a later moment, so each path is a possible flow and no path is a refutation.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import networkx as nx

from partywall_analyzer.canaries import Period
from partywall_analyzer.model import READS, Proof, Ref
from partywall_analyzer.spans import Span

# One weak hop outweighs any number of stronger ones, so the lightest path is the best proved one.
_WEIGHTS: Final = {
    Proof.P4: 1,
    Proof.P3: 1,
    Proof.P2: 10**6,
    Proof.P1: 10**12,
    Proof.P0: 10**18,
}
_NONE: Final[Mapping[int, Period]] = {}
_MATCHED: Final = 10**9
"""Values that match over sessions show that data came along; a recorded way is told instead."""


class Line(NamedTuple):
    """A thing with a history: a call (its trace is `scope`), a session or a dataset."""

    kind: str
    id: str
    scope: str = ""


class Key(NamedTuple):
    """A place in the one order of all that happens: time, then what a tie is decided by."""

    time: int
    phase: int
    counter: int
    part: int = 0

    def at(self, part: int) -> "Key":
        """A part of the same event: what is received comes before what is sent."""
        return Key(self.time, self.phase, self.counter, part)


class Moment(NamedTuple):
    """A point on a line: a node of the graph."""

    line: Line
    key: Key


@dataclass(frozen=True, slots=True)
class Message:
    """One hop between two lines, with the grade of its proof; `through` is a dataset on its way."""

    kind: str
    sender: Moment
    receiver: Moment
    proof: Proof
    values: int = 0
    through: str = ""


if TYPE_CHECKING:
    Graph = nx.DiGraph[Moment]
else:
    Graph = nx.DiGraph


@dataclass(frozen=True, slots=True)
class Place:
    """A span with its times clamped, and the keys of its start and its end."""

    span: Span
    parent: Ref | None
    start: Key
    end: Key

    @property
    def line(self) -> Line:
        """The line of its call."""
        return Line("call", self.span.span_id, self.span.trace_id)

    @property
    def begun(self) -> Moment:
        """When it can have taken in what it was given."""
        return Moment(self.line, self.start.at(1))

    @property
    def done(self) -> Moment:
        """When it has its data."""
        return Moment(self.line, self.end.at(2))


class Weave:
    """The graph of some spans: usually the one or two traces that a candidate names."""

    def __init__(
        self,
        spans: Iterable[Span],
        *,
        commonplace: Collection[int] = (),
        canaries: Mapping[int, Period] = _NONE,
    ) -> None:
        """Weave these spans; values in `commonplace` carry nothing, `canaries` prove all."""
        self._places = _place(spans)
        self._canaries = canaries
        self._commonplace = frozenset(commonplace) - canaries.keys()

    @cached_property
    def graph(self) -> Graph:
        """Moments as nodes, with what leads from one to a later one as edges."""
        graph: Graph = nx.DiGraph()
        moments: defaultdict[Line, set[Key]] = defaultdict(set)
        for place in self._places.values():
            moments[place.line] |= {place.begun.key, place.done.key}
        for message in self._messages():
            moments[message.sender.line].add(message.sender.key)
            moments[message.receiver.line].add(message.receiver.key)
            _add(graph, message)
        for line, keys in moments.items():
            for earlier, later in pairwise(sorted(keys)):
                graph.add_edge(Moment(line, earlier), Moment(line, later), weight=0)
        return graph

    def span(self, ref: Ref) -> Span | None:
        """A span with its times clamped into those of its parents."""
        place = self._places.get(ref)
        return place.span if place else None

    def ancestors(self, ref: Ref) -> list[Span]:
        """The spans above one, the root first."""
        above: list[Span] = []
        place = self._places.get(ref)
        while place and place.parent:
            place = self._places[place.parent]
            above.append(place.span)
        return above[::-1]

    def place(self, ref: Ref) -> Place | None:
        """Where a span stands."""
        return self._places.get(ref)

    def _messages(self) -> Iterator[Message]:
        for place in self._places.values():
            yield from self._spawned(place)
            yield from self._linked(place)
            yield from _touched(place)
        yield from _carried(self._places.values(), self._commonplace, self._canaries)

    def _spawned(self, place: Place) -> Iterator[Message]:
        if place.parent:
            above, proof = self._places[place.parent].line, Proof.P1
        elif place.span.session_id:
            above, proof = Line("session", place.span.session_id), Proof.P0
        else:
            return
        yield Message("spawned", Moment(above, place.start), place.begun, proof)
        back = Moment(above, place.end.at(3))
        yield Message("returned", place.done, back, proof)

    def _linked(self, place: Place) -> Iterator[Message]:
        for ref in place.span.links:
            target = self._places.get(ref)
            if target and target is not place:
                sender = target.done if target.done.key < place.begun.key else target.begun
                yield Message("linked", sender, place.begun, Proof.P1)


def _add(graph: Graph, message: Message) -> None:
    """Add a message; of two between the same moments the better proved one stays."""
    if message.sender.key >= message.receiver.key:
        return
    weight = max(_WEIGHTS[message.proof], _MATCHED if message.kind == "matched" else 0)
    known = graph.get_edge_data(message.sender, message.receiver)
    if not known or known["weight"] > weight:
        graph.add_edge(message.sender, message.receiver, weight=weight, message=message)


def _touched(place: Place) -> Iterator[Message]:
    """Reading and writing; that what was read is what another wrote is only inferred."""
    for dataset, operation in place.span.datasets:
        line = Line("dataset", dataset)
        if (operation or place.span.operation) in READS:
            sender = Moment(line, place.start.at(2))
            yield Message("read", sender, Moment(place.line, place.end), Proof.P0)
        else:
            receiver = Moment(line, place.end.at(3))
            yield Message("wrote", place.done, receiver, Proof.P2)


def _carried(
    places: Collection[Place], ignored: frozenset[int], canaries: Mapping[int, Period]
) -> Iterator[Message]:
    """Values that came out of one call and went into a later one, straight or through a dataset.

    One message from the latest earlier producer of each value and dataset, so their number grows
    with the calls and not with their pairs.
    """
    produced: defaultdict[int, dict[str, Place]] = defaultdict(dict)
    stored: dict[tuple[str, int], Place] = {}
    events = [(place.start, 0, place) for place in places if place.span.values_in]
    events += [
        (place.end, 1, place) for place in places if place.span.values_in or place.span.values_out
    ]
    events.sort(key=lambda event: event[:2])
    for _, side, place in events:
        span = place.span
        datasets = [access.dataset for access in span.datasets] or [""]
        inward = [value for value in span.values_in if value not in ignored]
        outward = [value for value in span.values_out if value not in ignored]
        if side == 0:
            sources = [q for value in inward for q in produced.get(value, {}).values()]
            for source in _distinct(sources):
                common = set(inward) & set(source.span.values_out)
                kind = _straight(source, place)
                yield _carry(source, place.begun, common, canaries, kind=kind)
            continue
        for dataset in datasets:
            writers = [q for value in outward if (q := stored.get((dataset, value)))]
            for writer in _distinct(writers):
                if writer is not place:
                    common = set(outward) & set(writer.span.values_in)
                    read = Moment(place.line, place.end)
                    yield _carry(writer, read, common, canaries, through=dataset)
        for value in outward:
            produced[value].update(dict.fromkeys(datasets, place))
        for access in span.datasets:
            if (access.operation or span.operation) not in READS:
                stored.update({(access.dataset, value): place for value in inward})


def _carry(
    source: Place,
    receiver: Moment,
    common: set[int],
    canaries: Mapping[int, Period],
    *,
    kind: str = "carried",
    through: str = "",
) -> Message:
    proof = Proof.P3 if len(common) > 1 else Proof.P2
    if any(canaries[value].holds(receiver.key.time) for value in common if value in canaries):
        proof = Proof.P4
    return Message(kind, source.done, receiver, proof, len(common), through)


def _straight(source: Place, sink: Place) -> str:
    """Within a session or a trace the agent itself carries a value; else the values only match."""
    one, other = source.span, sink.span
    together = one.trace_id == other.trace_id or one.session_id == other.session_id
    return "carried" if together else "matched"


def _distinct(places: Iterable[Place]) -> Iterable[Place]:
    return {place.span.ref: place for place in places}.values()


def _place(spans: Iterable[Span]) -> dict[Ref, Place]:
    """Give every span its place in one order, whatever its clock and its parent say.

    A missing parent makes a root, a cycle is cut at its earliest span, a span that ends before it
    starts ends when it starts, and a child's times are clamped into its parent's.
    """
    known: dict[Ref, Span] = {}
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.trace_id, s.span_id)):
        forward = span if span.start <= span.end else replace(span, end=span.start)
        known.setdefault(span.ref, forward)
    children: defaultdict[Ref, list[Span]] = defaultdict(list)
    roots: list[Span] = []
    for span in known.values():
        above = Ref(span.trace_id, span.parent_span_id)
        (children[above] if above in known and above != span.ref else roots).append(span)
    order = _Order()
    for span in [*roots, *known.values()]:
        if span.ref not in order.seen:
            order.walk(span, children)
    return order.places


class _Order:
    """Numbers spans before and after their children, which decides between equal times."""

    def __init__(self) -> None:
        self.places: dict[Ref, Place] = {}
        self.seen: set[Ref] = set()
        self._counter = 0

    def walk(self, root: Span, children: dict[Ref, list[Span]]) -> None:
        self._open(root, None, 1)
        stack = [(root, self._below(root, children))]
        while stack:
            span, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                stack.pop()
                self._close(span)
            elif child.ref not in self.seen:
                self._open(child, span, self.places[span.ref].start.phase)
                stack.append((child, self._below(child, children)))

    def _below(self, span: Span, children: dict[Ref, list[Span]]) -> Iterator[Span]:
        clamped = [
            child
            if span.start <= child.start and child.end <= span.end
            else replace(
                child,
                start=min(max(child.start, span.start), span.end),
                end=min(max(child.end, span.start), span.end),
            )
            for child in children.get(span.ref, ())
        ]
        return iter(sorted(clamped, key=lambda s: (s.start, s.end, s.span_id)))

    def _open(self, span: Span, parent: Span | None, phase: int) -> None:
        """Ends come before instants and instants before starts, unless a parent says otherwise."""
        if span.end > span.start:
            first, last = 2, 0
        else:
            if parent and parent.end > parent.start:
                phase = 2 if span.start == parent.start else 0 if span.end == parent.end else 1
            first = last = phase
        self.seen.add(span.ref)
        self._counter += 1
        start = Key(span.start, first, self._counter)
        end = Key(span.end, last, self._counter)
        self.places[span.ref] = Place(span, parent.ref if parent else None, start, end)

    def _close(self, span: Span) -> None:
        self._counter += 1
        place = self.places[span.ref]
        self.places[span.ref] = replace(
            place, end=Key(place.end.time, place.end.phase, self._counter)
        )
