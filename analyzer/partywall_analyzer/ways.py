"""Finds the best proved way through a weave, within a bound of work for one finding."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import networkx as nx

from partywall_analyzer.model import Proof, Ref
from partywall_analyzer.weave import Graph, Message, Moment, Place, Weave

VISITS: Final = 1_000_000
"""So many moments may be visited for one finding before its other crossings stand unsearched."""


@dataclass(frozen=True, slots=True)
class Witness:
    """The best proved path from a source to a sink; its grade is that of its weakest hop."""

    proof: Proof
    hops: tuple[Message, ...]


@dataclass(slots=True)
class _Ways:
    """The best ways from one moment to every later one, up to a time.

    Calls to which one source leads are asked for one after the other, and may be thousands; of all
    but one only the grade is wanted, which each moment has from the one before it.
    """

    graph: Graph
    start: Moment
    until: int
    before: Mapping[Moment, Sequence[Moment]]
    grades: dict[Moment, Proof | None] = field(default_factory=dict[Moment, Proof | None])

    @classmethod
    def explore(cls, graph: Graph, start: Moment, goal: Moment) -> "_Ways":
        """Look twice as far as was asked, so that farther goals cost little more."""
        until = goal.key.time + (goal.key.time - start.key.time)

        def weight(_: Moment, receiver: Moment, edge: Mapping[str, Any]) -> int | None:
            return edge["weight"] if receiver.key.time <= until else None

        before, _ = nx.dijkstra_predecessor_and_distance(graph, start, weight=weight)
        return cls(graph, start, until, before, {start: None})

    def reach(self, graph: Graph, start: Moment, goal: Moment) -> bool:
        """Whether they tell of this way."""
        return self.graph is graph and self.start == start and goal.key.time <= self.until

    def grade(self, goal: Moment) -> Proof | None:
        """The grade of the best way to a moment; None if there is none."""
        if goal not in self.before:
            return None
        ahead = [goal]
        while ahead[-1] not in self.grades:
            ahead.append(self.before[ahead[-1]][0])
        for at, then in pairwise(reversed(ahead)):
            hops = [self.grades[at], *(hop.proof for hop in _hops(self.graph, (at, then)))]
            self.grades[then] = min((proof for proof in hops if proof), default=None)
        return self.grades[goal] or Proof.P1

    def to(self, goal: Moment) -> Witness | None:
        """The best way to a moment."""
        proof = self.grade(goal)
        if not proof:
            return None
        way = [goal]
        while way[-1] != self.start:
            way.append(self.before[way[-1]][0])
        return Witness(proof, tuple(_hops(self.graph, way[::-1])))


class Search:
    """Looks for the ways of one finding."""

    def __init__(self, visits: int = VISITS) -> None:
        """Stop searching when so many moments were visited."""
        self._left = visits
        self._ways: _Ways | None = None

    @property
    def spent(self) -> bool:
        """Whether what was not found may be there: it is no longer looked for."""
        return self._left <= 0

    def grade(self, weave: Weave, source: Ref, sink: Ref) -> Proof | None:
        """How well it is proved that what `source` had got to `sink`; None if it cannot have."""
        start, goal = weave.place(source), weave.place(sink)
        if not start or not goal or start.end > goal.end:
            return None
        if near := _near(weave.graph, start, goal):
            return near.proof
        return None if self.spent else self._from(weave, start, goal).grade(goal.done)

    def witness(self, weave: Weave, source: Ref, sink: Ref) -> Witness | None:
        """The best proved path from the moment `source` has its data to the end of `sink`."""
        start, goal = weave.place(source), weave.place(sink)
        if not start or not goal or start.end > goal.end:
            return None
        near = _near(weave.graph, start, goal)
        return near or self._from(weave, start, goal).to(goal.done)

    def _from(self, weave: Weave, start: Place, goal: Place) -> _Ways:
        if not self._ways or not self._ways.reach(weave.graph, start.done, goal.done):
            self._ways = _Ways.explore(weave.graph, start.done, goal.done)
            self._left -= len(self._ways.before)
        return self._ways


def _near(graph: Graph, source: Place, sink: Place) -> Witness | None:
    """The way without a detour, if no other can be better proved: no need to search for one."""
    if source is sink:
        return Witness(Proof.P1, ())
    edge = graph.get_edge_data(source.done, sink.begun)
    message: Message | None = edge.get("message") if edge else None
    straight = message is not None and message.kind == "carried" and message.proof >= Proof.P3
    return Witness(message.proof, (message,)) if message and straight else None


def _hops(graph: Graph, path: Sequence[Moment]) -> Iterable[Message]:
    edges = (graph.edges[pair] for pair in pairwise(path))
    return (edge["message"] for edge in edges if "message" in edge)
