"""Tells which spans are observations of one call.

A framework, an MCP client and an MCP server may each describe the same call, and so may two
instrumentors of one framework. The outermost of these spans leads and stands for the call; what the
others know goes into its facts. Two calls for two tenants or in two sessions are never one.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final, NamedTuple, Self

from partywall_analyzer.chunked import chunked
from partywall_analyzer.model import Ref
from partywall_analyzer.tables import Tables
from partywall_analyzer.verdict import DENIALS

_BATCH: Final = 10_000
"""Traces read at once: each reading unpacks most of the table, whatever it looks for."""

_LOOKED_AT: Final = 8
"""So many calls that are still running are compared with a new one; parallel calls are few."""

_SERVER: Final = 2
"""The kind of a span that the called side made (SPAN_KIND_SERVER of OTLP)."""

_VERIFIED: Final = ("A1", "A2")
_FIRST: Final = (
    *("request_id", "agent", "identity", "credential_id", "approval_id", "policy_id"),
    "policy_decision",
)
"""Facts that the outermost observation which has them tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one span says of a call. Times are nanoseconds; `arguments` are fingerprints."""

    ref: Ref
    start: int
    end: int
    tenant_id: str = ""
    session_id: str = ""
    step: str = "tool"
    tool: str = ""
    call_id: str = ""
    request_id: str = ""
    agent: str = ""
    identity: str = ""
    credential_id: str = ""
    approval_id: str = ""
    policy_id: str = ""
    policy_decision: str = ""
    principal: str = ""
    attestation: str = ""
    arguments: frozenset[int] = frozenset()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of `sql/observations.sql`."""
        names = ("tenant_id", "session_id", "step", "tool", "call_id", "principal", "attestation")
        return cls(
            ref=Ref(row["trace"], row["span"]),
            start=int(row["start_ns"]),
            end=int(row["end_ns"]),
            arguments=frozenset(row["arguments"]),
            **{name: str(row[name]) for name in (*names, *_FIRST)},
        )


class Emitter(NamedTuple):
    """What made a span, and what the span stands below. `step` is empty for one that is no step."""

    parent: str = ""
    step: str = ""
    kind: int = 0
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that more than one span describes: its facts, and its spans, the outermost first.

    `confirmed_by` are those of the called side that tell of the same call, `agreed` is what both
    sides say that it touched.
    """

    facts: Observation
    spans: tuple[Ref, ...]
    confirmed_by: frozenset[Ref] = frozenset()
    agreed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that more than one span describes, by each of these spans."""

    by_span: Mapping[Ref, Call] = field(default_factory=dict[Ref, Call])

    @classmethod
    def read(cls, tables: Tables, traces: Iterable[str]) -> Self:
        """Read those of some traces, whole, whatever part of them an analysis opened."""
        found: dict[Ref, Call] = {}
        names = sorted(set(traces))
        for batch in chunked(names, _BATCH):
            rows = tables.of_traces("observations", batch)
            seen = [Observation.from_row(row) for row in rows]
            doubtful = sorted({each.ref.trace_id for each in seen})
            emitters: dict[Ref, Emitter] = {}
            if doubtful:
                for row in tables.of_traces("emitters", doubtful):
                    ref = Ref(row["trace"], row["span"])
                    emitters[ref] = Emitter(row["parent"], row["step"], row["kind"], row["scope"])
            for call in _agreed(tables, one_calls(seen, emitters)):
                found.update(dict.fromkeys(call.spans, call))
        return cls(found)

    def agree(self, ref: Ref, what: str) -> bool:
        """Whether both sides of a call say that it touched a thing: `dataset:ID`, `KIND:PARTY`."""
        call = self.by_span.get(ref)
        return call is not None and what in call.agreed

    def lead(self, ref: Ref) -> Ref:
        """The span that stands for the call of a span."""
        call = self.by_span.get(ref)
        return call.spans[0] if call else ref

    def others(self, leads: Iterable[Ref]) -> Iterable[Ref]:
        """The other spans of some calls."""
        calls = (self.by_span.get(ref) for ref in leads)
        return chain.from_iterable(call.spans[1:] for call in calls if call)


def one_calls(seen: Collection[Observation], emitters: Mapping[Ref, Emitter]) -> list[Call]:
    """Group observations; `emitters` tells of all spans of their traces, calls or not.

    Nested spans are one call if nothing but spans of a transport lies between them, siblings if
    they overlap and had the same arguments; both if they have the same call id and overlap.
    """
    groups: dict[Ref, list[Observation]] = {}
    known = {each.ref: each for each in seen}
    running: defaultdict[tuple[str, ...], deque[list[Observation]]] = defaultdict(
        lambda: deque(maxlen=_LOOKED_AT)
    )
    above = _Above(known, emitters)
    # A parent comes before its child, whatever their clocks say.
    order = sorted(seen, key=lambda each: (above.depth(each.ref), each.start, -each.end, each.ref))
    for each in order:
        parent = above.call(each.ref)
        group = groups.get(parent) if parent else None
        if not group or not _fits(group, each, emitters, nested=True):
            others = running[each.ref.trace_id, each.tenant_id, each.session_id, each.tool]
            group = next((g for g in others if _fits(g, each, emitters, nested=False)), None)
            if group is None:
                group = list[Observation]()
                others.append(group)
        group.append(each)
        groups[each.ref] = group
    several = {id(group): group for group in groups.values() if len(group) > 1}
    return [_call(group, emitters) for group in several.values()]


def _fits(
    group: Sequence[Observation],
    each: Observation,
    emitters: Mapping[Ref, Emitter],
    *,
    nested: bool,
) -> bool:
    """Whether a span describes the call of a group."""
    lead = group[0]
    if not nested and not (each.start <= lead.end and lead.start <= each.end):
        return False
    if (each.tenant_id, each.session_id, each.step) != (lead.tenant_id, lead.session_id, lead.step):
        return False
    if each.call_id and (ids := {other.call_id for other in group} - {""}):
        return each.call_id in ids
    if each.tool != lead.tool or not (nested or each.arguments):
        return False
    given = [other.arguments for other in group if other.arguments]
    if not nested and not given:
        return False
    if each.arguments and not all(each.arguments <= o or o <= each.arguments for o in given):
        return False
    # One emitter describes a call once, but as a client and as a server.
    made = _made(each, emitters)
    return all(_made(other, emitters) != made for other in group)


def _made(each: Observation, emitters: Mapping[Ref, Emitter]) -> tuple[str, int]:
    emitter = emitters.get(each.ref, Emitter())
    return emitter.scope, emitter.kind


class _Above:
    """Which call a span stands below, with nothing between but spans that are no step."""

    def __init__(self, calls: Collection[Ref], emitters: Mapping[Ref, Emitter]) -> None:
        self._calls = calls
        self._emitters = emitters
        self._found: dict[Ref, Ref | None] = {}
        self._depths: dict[Ref, int] = {}

    def call(self, ref: Ref) -> Ref | None:
        """The nearest call above a span, if no other step lies between."""
        passed: dict[Ref, None] = {}
        at, found = self._parent(ref), None
        while at and at not in self._found and at not in passed:
            if at in self._calls:
                found = at
                break
            if self._emitters[at].step:
                break
            passed[at] = None
            at = self._parent(at)
        else:
            found = self._found.get(at) if at else None
        self._found.update(dict.fromkeys(passed, found))
        return found

    def depth(self, ref: Ref) -> int:
        """How many calls a span stands below in a row; a cycle ends it."""
        way: dict[Ref, None] = {}
        at: Ref | None = ref
        while at and at not in self._depths and at not in way:
            way[at] = None
            at = self.call(at)
        depth = self._depths.get(at, -1) if at else -1
        for each in reversed(way):
            depth += 1
            self._depths[each] = depth
        return self._depths[ref]

    def _parent(self, ref: Ref) -> Ref | None:
        emitter = self._emitters.get(ref)
        parent = Ref(ref.trace_id, emitter.parent) if emitter else None
        return parent if parent in self._emitters else None


def _call(group: Sequence[Observation], emitters: Mapping[Ref, Emitter]) -> Call:
    """One call with the strongest facts of its observations."""
    lead = group[0]
    facts = {name: _first(getattr(each, name) for each in group) for name in _FIRST}
    denied = [d for each in group if (d := each.policy_decision).lower() in DENIALS]
    facts["policy_decision"] = denied[0] if denied else facts["policy_decision"]
    confirmed_by = frozenset(e.ref for e in group[1:] if _corroborates(lead, e, emitters))
    grade = "A3" if confirmed_by else max(each.attestation for each in group)
    told = replace(lead, **facts, attestation=grade)
    return Call(told, tuple(each.ref for each in group), confirmed_by)


def _agreed(tables: Tables, calls: Sequence[Call]) -> Iterable[Call]:
    """The calls, with what both sides say of those that the called side confirms."""
    traces = {ref.trace_id for call in calls for ref in call.confirmed_by}
    if not traces:
        return calls
    rows = tables.of_traces("touched", sorted(traces))
    touched = {Ref(row["trace"], row["span"]): frozenset(row["touched"]) for row in rows}

    def of(refs: Iterable[Ref]) -> frozenset[str]:
        return frozenset[str]().union(*(touched.get(ref, frozenset()) for ref in refs))

    return [
        replace(call, agreed=of(call.confirmed_by) & of({*call.spans} - call.confirmed_by))
        for call in calls
    ]


def _corroborates(lead: Observation, each: Observation, emitters: Mapping[Ref, Emitter]) -> bool:
    """Whether the called side, a sender of its own, tells of the same call for the same tenant."""
    return (
        emitters.get(each.ref, Emitter()).kind == _SERVER
        and lead.attestation in _VERIFIED
        and each.attestation in _VERIFIED
        and bool(each.principal)
        and each.principal != lead.principal
        and (
            each.call_id == lead.call_id
            if each.call_id or lead.call_id
            else bool(each.arguments) and each.arguments == lead.arguments
        )
    )


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
