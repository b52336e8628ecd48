"""Makes findings out of judged parts: weaves their traces, grades the way, weighs and tells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from partywall_analyzer.chains import draw
from partywall_analyzer.explain import Speaker, Told
from partywall_analyzer.model import (
    MAX_CALLS,
    Along,
    Candidate,
    Crossing,
    Evidence,
    Finding,
    Proof,
    Ref,
    Severity,
    Verdict,
)
from partywall_analyzer.observations import Calls
from partywall_analyzer.opening import Weaves
from partywall_analyzer.parts import Part
from partywall_analyzer.rules import Cover, Rule, rule
from partywall_analyzer.severity import severity
from partywall_analyzer.spans import Span
from partywall_analyzer.verdict import Judgement
from partywall_analyzer.ways import Search, Witness
from partywall_analyzer.weave import Weave

DRAWN: Final = 8
"""At most so many of the calls are drawn whose data went along."""

_WORST: Final = (Verdict.UNAUTHORISED, Verdict.INDETERMINATE, Verdict.AUTHORISED)


WAY: Final = "the whole way of the data"
"""The fact that is missing where a very large trace was woven in part, or searched in part."""


def needed(parts: Sequence[Part], calls: Calls) -> list[Crossing]:
    """The crossings whose traces a finding needs: all of a flow, else the one that is told.

    Those come first that are likely to be told: of the worst verdict, that carried most, the first.
    """
    the_rule = rule(parts[0].candidate.rule)
    if the_rule.direct is None:
        order = [
            (_WORST.index(part.judgement.verdict), -len(each.carried), each.time, each.call, each)
            for part in parts
            for each in part.candidate.crossings
        ]
        return [each for *_, each in sorted(order, key=lambda known: known[:-1])]
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


def named(crossings: Sequence[Crossing]) -> list[Ref]:
    """The calls that a finding names, of the first of very many crossings."""
    return list(dict.fromkeys(_calls(crossings[:MAX_CALLS])))


def traces(crossings: Sequence[Crossing]) -> set[str]:
    """The traces that a finding needs."""
    return {ref.trace_id for ref in _calls(crossings)}


def _calls(crossings: Iterable[Crossing]) -> Iterable[Ref]:
    for each in crossings:
        yield from (ref for ref in (each.call, each.source) if ref)
        yield from (along.call for along in drawn(each))


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
    """A crossing that stands; `partly` if what refutes or proves it better was not looked at."""

    part: Part
    crossing: Crossing
    proof: Proof
    partly: bool = False


class Assembler:
    """Makes findings out of judged parts, with the spans of their traces at hand."""

    def __init__(self, weaves: Weaves, speaker: Speaker, calls: Calls) -> None:
        self._weaves = weaves
        self._speaker = speaker
        self._calls = calls

    def finding(self, parts: Sequence[Part]) -> Finding | None:
        """One finding; None if the graph refutes every crossing of it."""
        the_rule, search = rule(parts[0].candidate.rule), Search()
        self._weaves.begin(named(needed(parts, self._calls)))
        woven = [found for part in parts for found in self._woven(the_rule, part, search)]
        if not woven:
            return None
        # What is covered or undecided is no part of an unauthorised finding.
        worst = min((w.part.judgement.verdict for w in woven), key=_WORST.index)
        kept = [w for w in woven if w.part.judgement.verdict is worst]
        kept.sort(key=lambda w: (w.crossing.time, w.crossing.call))
        best = max(kept, key=lambda w: w.proof)
        witness = None
        if best.crossing.source and (the_rule.direct is None or the_rule.traced):
            weave, _ = self._way(search, best.crossing, best.crossing.source)
            witness = search.witness(weave, best.crossing.source, best.crossing.call)
        if witness and the_rule.direct is None:
            best = replace(best, proof=witness.proof)
        return self._told(the_rule, kept, best, witness)

    def _woven(self, the_rule: Rule, part: Part, search: Search) -> Iterable[_Woven]:
        for crossing in part.candidate.crossings:
            if the_rule.direct is not None:
                proof = _shown(the_rule, part.candidate, crossing, self._calls)
                yield _Woven(part, crossing, proof)
            elif source := crossing.source:
                _, proof = self._way(search, crossing, source)
                partly = search.spent or not self._weaves.whole(crossing.call, source)
                if proof or partly:
                    yield _Woven(part, crossing, proof or Proof.P0, partly)

    def _way(self, search: Search, crossing: Crossing, source: Ref) -> tuple[Weave, Proof | None]:
        """How what `source` had came to the crossing; between two traces the clocks may differ."""
        call = crossing.call
        weave = self._weaves.of(call, source)
        proof = search.grade(weave, source, call)
        if not proof and crossing.carried and source.trace_id != call.trace_id:
            weave = self._weaves.of(call, source, later=call.trace_id)
            proof = search.grade(weave, source, call)
        return weave, proof

    def _told(
        self, the_rule: Rule, kept: Sequence[_Woven], best: _Woven, witness: Witness | None
    ) -> Finding:
        part, crossing = best.part, best.crossing
        along = (each.call for each in drawn(crossing))
        weave = self._weaves.of(crossing.call, crossing.source or crossing.call, *along)
        candidate = _with_agent(part.candidate, weave.ancestors(crossing.call))
        calls = tuple(dict.fromkeys(w.crossing.call for w in kept))
        parts = list({id(w.part): w.part for w in kept}.values())
        reasons = tuple(dict.fromkeys(r for p in parts for r in p.judgement.reasons))
        judgement = replace(part.judgement, reasons=reasons)
        direct = the_rule.direct is not None
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
        missing = [fact for p in parts for fact in p.judgement.missing]
        missing += [WAY] if any(w.partly for w in kept) else []
        speaker = self._speaker
        evidence = Evidence(
            answers=speaker.answers(told),
            records=tuple(dict.fromkeys(r for p in parts for r in p.judgement.records)),
            missing=tuple(dict.fromkeys(missing)),
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


def _with_agent(candidate: Candidate, above: Sequence[Span]) -> Candidate:
    """Name the agent by the nearest span above the call that does, if the call does not."""
    named = next((span.agent for span in reversed(above) if span.agent), "")
    return candidate if candidate.agent or not named else replace(candidate, agent=named)
