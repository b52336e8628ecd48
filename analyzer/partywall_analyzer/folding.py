"""Folds what a rule found at several observations of one call into that call."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import is_
from typing import NamedTuple

from partywall_analyzer.model import Candidate, Crossing, Ref
from partywall_analyzer.observations import Call, Calls
from partywall_analyzer.rules import rule
from partywall_analyzer.spans import Span

_FACTS = (
    *("request_id", "agent", "identity", "credential_id", "approval_id", "policy_id"),
    *("policy_decision", "tool", "attestation"),
)


class _What(NamedTuple):
    """What crosses at a call, and the finding that says so."""

    finding: str
    call: Ref
    dataset: str
    source_dataset: str
    party_kind: str
    party: str


def traces_of(candidates: Iterable[Candidate]) -> set[str]:
    """The traces of all crossings and of where their data came from."""
    return {
        ref.trace_id
        for candidate in candidates
        for crossing in candidate.crossings
        for ref in (crossing.call, crossing.source)
        if ref
    }


def fold(candidates: Sequence[Candidate], calls: Calls) -> list[Candidate]:
    """The candidates with one crossing for each call, judged by all that is known of the call.

    A flow from a call to itself is none.
    """
    if not calls.by_span:
        return list(candidates)
    kept: list[Candidate] = []
    several: defaultdict[_What, list[tuple[Candidate, Crossing]]] = defaultdict(list)
    for candidate in candidates:
        alone: list[Crossing] = []
        for crossing in candidate.crossings:
            source = calls.lead(crossing.source) if crossing.source else None
            if source == calls.lead(crossing.call) and crossing.source != crossing.call:
                continue
            told = replace(crossing, source=source) if source != crossing.source else crossing
            if crossing.call in calls.by_span:
                several[_what(candidate, crossing, calls)].append((candidate, told))
            else:
                alone.append(told)
        if len(alone) == len(candidate.crossings):
            same = all(map(is_, alone, candidate.crossings))
            kept.append(candidate if same else replace(candidate, crossings=tuple(alone)))
        elif alone:
            left_out = len(candidate.crossings) - len(alone)
            kept.append(_with(candidate, alone, candidate.count - left_out))
    return [*kept, *_folded(several, calls)]


def _what(candidate: Candidate, crossing: Crossing, calls: Calls) -> _What:
    return _What(
        candidate.id,
        calls.lead(crossing.call),
        candidate.dataset,
        crossing.source_dataset,
        candidate.party_kind,
        candidate.party,
    )


def _folded(
    several: Mapping[_What, Sequence[tuple[Candidate, Crossing]]], calls: Calls
) -> Iterable[Candidate]:
    """One candidate for all calls that are judged alike."""
    alike: defaultdict[Candidate, list[Crossing]] = defaultdict(list)
    for what, found in several.items():
        call = calls.by_span[what.call]
        # What an observation does not say is no other operation.
        acts = {candidate.operation for candidate, _ in found}
        for act in acts - {""} or {""}:
            same = [(c, crossing) for c, crossing in found if c.operation in (act, "")]
            candidate = next(c for c, _ in same if c.operation == act)
            told = replace(candidate, crossings=(), sensitive=any(c.sensitive for c, _ in same))
            crossing = min((x for _, x in same), key=lambda x: _order(x, call))
            alike[_by_call(told, call)].append(
                replace(crossing, call=what.call, observed=crossing.call)
            )
    for candidate, crossings in alike.items():
        crossings.sort(key=lambda x: (x.time, x.call))
        yield _with(candidate, crossings, len({x.call for x in crossings}))


def _order(crossing: Crossing, call: Call) -> tuple[int, int]:
    """The observation that knows most of what was carried, then the outermost."""
    return -len(crossing.carried), call.spans.index(crossing.call)


def _by_call(candidate: Candidate, call: Call) -> Candidate:
    # The key that the finding is a function of stays: by it the ledger finds the finding again.
    key = rule(candidate.rule).opens
    told = {name: getattr(call.facts, name) for name in _FACTS if name != key}
    return replace(candidate, **told)


def _with(candidate: Candidate, crossings: Sequence[Crossing], count: int) -> Candidate:
    return replace(
        candidate,
        crossings=tuple(crossings),
        count=count,
        first_seen=crossings[0].time,
        last_seen=crossings[-1].time,
    )


def fold_spans(spans: Sequence[Span], calls: Calls) -> list[Span]:
    """The spans of a trace with one for each call, which has all that its observations touched."""
    kept: list[Span] = []
    by_ref = {span.ref: span for span in spans}
    for span in spans:
        call = calls.by_span.get(span.ref)
        if call and call.spans[0] != span.ref:
            continue
        above = calls.lead(Ref(span.trace_id, span.parent_span_id)).span_id
        told = replace(span, parent_span_id=above) if above != span.parent_span_id else span
        others = [by_ref[ref] for ref in call.spans[1:] if ref in by_ref] if call else []
        kept.append(_joined(told, others) if others else told)
    return kept


def _joined(lead: Span, others: Sequence[Span]) -> Span:
    everyone = (lead, *others)

    def all_of(name: str) -> tuple[object, ...]:
        return tuple(dict.fromkeys(x for span in everyone for x in getattr(span, name)))

    lists = ("datasets", "parties", "values_in", "values_out", "links")
    texts = ("request_id", "agent", "identity", "subject", "credential_id", "operation")
    return replace(
        lead,
        **{name: all_of(name) for name in lists},
        **{name: next((t for s in everyone if (t := getattr(s, name))), "") for name in texts},
    )
