"""Makes findings out of judged parts: weaves their traces, grades the way, weighs and tells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from partywall_analyzer.canaries import Period
from partywall_analyzer.chains import draw
from partywall_analyzer.explain import Speaker, Told
from partywall_analyzer.limits import Limits
from partywall_analyzer.model import (
    MAX_CALLS,
    Along,
    Candidate,
    Crossing,
    Evidence,
    Finding,
    Proof,
    Severity,
    Verdict,
)
from partywall_analyzer.observations import Calls
from partywall_analyzer.parts import Part
from partywall_analyzer.rules import Cover, Rule, rule
from partywall_analyzer.severity import severity
from partywall_analyzer.spans import Span
from partywall_analyzer.verdict import Judgement
from partywall_analyzer.weave import Weave, Witness

DRAWN: Final = 8
"""At most so many of the calls are drawn whose data went along."""

_WORST: Final = (Verdict.UNAUTHORISED, Verdict.INDETERMINATE, Verdict.AUTHORISED)


def needed(parts: Sequence[Part], calls: Calls) -> list[Crossing]:
    """The crossings whose traces a finding needs: each one of a flow, else the one that is told."""
    the_rule = rule(parts[0].candidate.rule)
    if the_rule.direct is None:
        return [crossing for part in parts for crossing in part.candidate.crossings]
    worst = min((part.judgement.verdict for part in parts), key=_WORST.index)
    kept = (part for part in parts if part.judgement.verdict is worst)
    told = [
        (_shown(the_rule, p.candidate, c, calls), c) for p in kept for c in p.candidate.crossings
    ]
    best = max(proof for proof, _ in told)
    crossings = (crossing for proof, crossing in told if proof == best)
    return [min(crossings, key=lambda crossing: (crossing.time, crossing.call))]


def _shown(the_rule: Rule, candidate: Candidate, crossing: Crossing, calls: Calls) -> Proof:
    """The proof of a crossing that one record shows: the best one if both sides tell of it."""
    touched = {
        Cover.DATASET: f"dataset:{candidate.dataset}",
        Cover.PARTY: f"{candidate.party_kind}:{candidate.party}",
    }.get(the_rule.covered_by)
    agreed = touched is not None and calls.agree(crossing.call, touched)
    return Proof.P4 if agreed else the_rule.direct or Proof.P0


def woven(candidate: Candidate) -> set[str]:
    """The traces between whose calls a path is looked for: none if the crossing is direct."""
    the_rule = rule(candidate.rule)
    if the_rule.direct is not None and not the_rule.traced:
        return set()
    refs = (ref for each in candidate.crossings for ref in (each.call, each.source) if ref)
    return {ref.trace_id for ref in refs}


def carried(spans: Mapping[str, Sequence[Span]], traces: Iterable[str]) -> set[int]:
    """The values that one call of these traces gave out and one took in."""
    every = [span for trace in traces for span in spans.get(trace, ())]
    went_in = {value for span in every for value in span.values_in}
    return {value for span in every for value in span.values_out if value in went_in}


def drawn(crossing: Crossing) -> Sequence[Along]:
    """The calls whose data went along that are drawn: those that brought most."""
    return sorted(crossing.along, key=lambda each: -each.values)[:DRAWN]


@dataclass(frozen=True, slots=True)
class _Woven:
    part: Part
    crossing: Crossing
    witness: Witness | None
    proof: Proof


class Assembler:
    """Makes findings out of judged parts, with the spans of their traces at hand."""

    def __init__(
        self,
        spans: Mapping[str, list[Span]],
        ignored: set[int],
        speaker: Speaker,
        calls: Calls,
        canaries: Mapping[int, Period],
    ) -> None:
        self._spans = spans
        self._ignored = frozenset(ignored)
        self._canaries = canaries
        self._speaker = speaker
        self._calls = calls
        self._skew = Limits.read().clock_skew * 10**9
        self._weaves: dict[tuple[str, ...], Weave] = {}

    def finding(self, parts: Sequence[Part]) -> Finding | None:
        """One finding; None if the graph refutes every crossing of it."""
        the_rule = rule(parts[0].candidate.rule)
        woven = [found for part in parts for found in self._woven(the_rule, part)]
        if not woven:
            return None
        # What is covered or undecided is no part of an unauthorised finding.
        worst = min((w.part.judgement.verdict for w in woven), key=_WORST.index)
        kept = [w for w in woven if w.part.judgement.verdict is worst]
        kept.sort(key=lambda w: (w.crossing.time, w.crossing.call))
        best = max(kept, key=lambda w: w.proof)
        return self._told(the_rule, kept, best)

    def _woven(self, the_rule: Rule, part: Part) -> Iterable[_Woven]:
        for crossing in part.candidate.crossings:
            if the_rule.direct is not None:
                proof = _shown(the_rule, part.candidate, crossing, self._calls)
                yield _Woven(part, crossing, None, proof)
            elif witness := self._witness(crossing):
                yield _Woven(part, crossing, witness, witness.proof)

    def _witness(self, crossing: Crossing) -> Witness | None:
        """The way from where the data was to where it crossed, if there is one."""
        if not crossing.source:
            return None
        witness = self._weave(crossing).witness(crossing.source, crossing.call)
        if not witness and crossing.carried and _far(crossing):
            witness = self._later(crossing).witness(crossing.source, crossing.call)
        return witness

    def _weave(self, crossing: Crossing, along: Sequence[Along] = ()) -> Weave:
        refs = (crossing.call, crossing.source or crossing.call, *(each.call for each in along))
        traces = tuple(sorted({ref.trace_id for ref in refs}))
        if traces not in self._weaves:
            spans = [span for trace in traces for span in self._spans.get(trace, [])]
            self._weaves[traces] = self._woven_of(spans)
        return self._weaves[traces]

    def _woven_of(self, spans: Iterable[Span]) -> Weave:
        return Weave(spans, commonplace=self._ignored, canaries=self._canaries)

    def _later(self, crossing: Crossing) -> Weave:
        """The traces of a crossing, with the clock of the later one put forward."""
        refs = (crossing.call, crossing.source or crossing.call)
        return self._woven_of(
            replace(span, start=span.start + self._skew, end=span.end + self._skew)
            if span.trace_id == crossing.call.trace_id
            else span
            for trace in sorted({ref.trace_id for ref in refs})
            for span in self._spans.get(trace, [])
        )

    def _told(self, the_rule: Rule, kept: Sequence[_Woven], best: _Woven) -> Finding:
        part, crossing = best.part, best.crossing
        weave = self._weave(crossing, drawn(crossing))
        candidate = _with_agent(part.candidate, weave.ancestors(crossing.call))
        calls = tuple(dict.fromkeys(w.crossing.call for w in kept))
        parts = list({id(w.part): w.part for w in kept}.values())
        reasons = tuple(dict.fromkeys(r for p in parts for r in p.judgement.reasons))
        judgement = replace(part.judgement, reasons=reasons)
        direct = the_rule.direct is not None
        witness = self._witness(crossing) if the_rule.traced else best.witness
        sources = [each.call for w in kept for each in w.crossing.along]
        if not direct or the_rule.traced:
            sources += [w.crossing.source for w in kept if w.crossing.source]
        count = len(calls) if not direct else sum(p.candidate.count for p in parts)
        told = Told(
            rule=the_rule,
            candidate=candidate,
            judgement=part.judgement,
            proof=best.proof,
            attestation=min(p.candidate.attestation for p in parts),
            count=count,
            first_seen=min(p.candidate.first_seen for p in parts),
            last_seen=max(p.candidate.last_seen for p in parts),
            sink=weave.span(crossing.call),
            source=weave.span(crossing.source) if crossing.source else None,
            source_dataset=crossing.source_dataset,
            why_party=part.why_party,
            rank=part.rank,
            along=drawn(crossing),
        )
        speaker = self._speaker
        evidence = Evidence(
            answers=speaker.answers(told),
            records=tuple(dict.fromkeys(r for p in parts for r in p.judgement.records)),
            missing=tuple(dict.fromkeys(m for p in parts for m in p.judgement.missing)),
            frameworks=the_rule.frameworks,
            values=tuple(f"{value:016x}" for value in crossing.carried[:8]),
            observations=tuple(self._calls.others(calls))[:MAX_CALLS],
            introduced_by=tuple(dict.fromkeys(ref for p in parts for ref in p.introduced_by)),
        )
        return Finding(
            id=candidate.id,
            rule=the_rule.id,
            title=speaker.title(told),
            sentence=speaker.sentence(told),
            severity=self._severity(the_rule, parts, judgement, best.proof),
            verdict=judgement.verdict,
            reasons=judgement.reasons,
            proof=best.proof,
            attestation=told.attestation,
            from_tenant=candidate.from_tenant,
            to_tenant=candidate.to_tenant,
            session_tenant=candidate.session_tenant,
            subject=candidate.subject,
            session_id=candidate.session_id,
            request_id=candidate.request_id,
            trace_id=crossing.call.trace_id,
            agent=candidate.agent,
            identity=candidate.identity,
            credential_id=candidate.credential_id,
            dataset=candidate.dataset,
            party=f"{candidate.party_kind}:{candidate.party}" if candidate.party else "",
            operation=candidate.operation,
            first_seen=told.first_seen,
            last_seen=told.last_seen,
            calls=calls[:MAX_CALLS],
            sources=tuple(dict.fromkeys(sources))[:MAX_CALLS],
            chain=draw(told, weave, witness),
            evidence=evidence,
        )

    def _severity(
        self, the_rule: Rule, parts: Sequence[Part], judgement: Judgement, proof: Proof
    ) -> Severity:
        return severity(
            judgement.verdict,
            proof,
            moves=any(p.candidate.moves for p in parts),
            sensitive=any(p.candidate.sensitive for p in parts),
            direct=the_rule.direct is not None,
            suspect="attestation.claimed" in judgement.reasons,
            ceiling=the_rule.ceiling,
        )


def _far(crossing: Crossing) -> bool:
    """Whether the two ends are in different traces, so that their clocks may differ."""
    return crossing.source is not None and crossing.source.trace_id != crossing.call.trace_id


def _with_agent(candidate: Candidate, above: Sequence[Span]) -> Candidate:
    """Name the agent by the nearest span above the call that does, if the call does not."""
    named = next((span.agent for span in reversed(above) if span.agent), "")
    return candidate if candidate.agent or not named else replace(candidate, agent=named)
