"""Analyzes a store: finds candidates, weaves their traces, judges, explains, and keeps the ledger.

Every crossing is found where tenants meet, in SQL; only the traces that a candidate names become a
graph. The ledger is append-only: a finding whose content is the same writes nothing, one that is no
longer derived is withdrawn, and its row stays.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from partywall_analyzer.candidates import find
from partywall_analyzer.chains import draw
from partywall_analyzer.explain import Speaker, Told
from partywall_analyzer.introductions import Introductions
from partywall_analyzer.model import (
    MAX_CALLS,
    Candidate,
    Crossing,
    Evidence,
    Finding,
    Proof,
    Ref,
    Severity,
    Verdict,
    moment,
)
from partywall_analyzer.rules import Rule, rule, rules
from partywall_analyzer.severity import severity
from partywall_analyzer.spans import Span, fetch
from partywall_analyzer.tables import Tables
from partywall_analyzer.verdict import Judge, Judgement
from partywall_analyzer.weave import Weave, Witness
from partywall_collector.registry import Registry
from partywall_collector.store import Store, statement

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_SQL: Final = "partywall_analyzer.sql"
_WORST: Final = (Verdict.UNAUTHORISED, Verdict.INDETERMINATE, Verdict.AUTHORISED)
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What an analysis found, and what it changed in the ledger."""

    findings: list[Finding]
    new: list[Finding]
    changed: list[Finding]
    withdrawn: list[Finding]
    spans: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Part:
    """Crossings of one finding that are judged alike."""

    candidate: Candidate
    judgement: Judgement
    why_party: str = ""
    introduced_by: tuple[Ref, ...] = ()


def analyze(
    store: Store, *, since: datetime | None = None, progress: Progress | None = None
) -> Analysis:
    """Find every crossing and bring the ledger up to date.

    With `since`, only what sessions, traces and credentials did that were active since then is
    analyzed, and only findings seen since then can be withdrawn.
    """
    begun = time.monotonic()
    tell = progress or _silent
    registry = Registry.read(store)
    tell("reading calls", 0, 1)
    with Tables(store, registry, since) as tables:
        sql = statement(_SQL, "count_open_spans")
        spans = int(tables.rows(sql)[0]["n"])
        candidates: list[Candidate] = []
        for done, each in enumerate(rules()):
            tell(f"rule {each.id}", done, len(rules()))
            candidates += find(tables, each)
        ignored = {int(row["value"]) for row in tables.rows(statement(_SQL, "ignored_values"))}
    findings = _findings(store, registry, candidates, ignored, tell)
    tell("writing the ledger", 0, 1)
    new, changed, withdrawn = _record(store, findings, since)
    return Analysis(
        findings=findings,
        new=new,
        changed=changed,
        withdrawn=withdrawn,
        spans=spans,
        seconds=time.monotonic() - begun,
    )


def _findings(
    store: Store,
    registry: Registry,
    candidates: Sequence[Candidate],
    ignored: set[int],
    tell: Progress,
) -> list[Finding]:
    judge = Judge(registry)
    introductions = Introductions(store, registry, candidates)
    by_id: defaultdict[str, list[_Part]] = defaultdict(list)
    for candidate in candidates:
        for part in _judged(judge, introductions, candidate):
            by_id[candidate.id].append(part)
    ids = list(by_id)
    made: list[Finding] = []
    for first in range(0, len(ids), _CHUNK):
        tell("weaving", first, len(ids))
        chunk = {finding: by_id[finding] for finding in ids[first : first + _CHUNK]}
        traces = {
            ref.trace_id
            for parts in chunk.values()
            for part in parts
            for crossing in _shown(part.candidate)
            for ref in (crossing.call, crossing.source)
            if ref
        }
        weaver = _Weaver(fetch(store, traces), ignored, Speaker(registry))
        made += [found for parts in chunk.values() if (found := weaver.finding(parts))]
    return sorted(made, key=lambda finding: finding.id)


def _judged(judge: Judge, introductions: Introductions, candidate: Candidate) -> Iterable[_Part]:
    """Judge a candidate; one with a foreign party call by call, as each has its own past."""
    judgement = judge.judge(candidate)
    if not candidate.party or judgement.verdict is Verdict.AUTHORISED:
        return [_Part(candidate, judgement)]
    parts: defaultdict[tuple[Judgement, str], list[Crossing]] = defaultdict(list)
    brought: defaultdict[tuple[Judgement, str], dict[Ref, None]] = defaultdict(dict)
    for crossing in candidate.crossings:
        made = introductions.of(candidate, crossing.call)
        judged = judgement
        # A request speaks for its own tenant: it cannot give away the data of another one.
        if made.verdict != "delegated" or candidate.from_tenant == candidate.session_tenant:
            judged = judge.with_introduction(judgement, made.verdict)
        key = (judged, made.reason)
        bringers = [Ref(*ref) for ref in made.introduced_by]
        if bringers and not crossing.source:
            crossing = replace(crossing, source=bringers[0])
        parts[key].append(crossing)
        brought[key].update(dict.fromkeys(bringers))
    return [
        _Part(_only(candidate, crossings), judged, reason, tuple(brought[judged, reason]))
        for (judged, reason), crossings in parts.items()
    ]


def _only(candidate: Candidate, crossings: Sequence[Crossing]) -> Candidate:
    if len(crossings) == len(candidate.crossings):
        return replace(candidate, crossings=tuple(crossings))
    return replace(
        candidate,
        crossings=tuple(crossings),
        count=len({crossing.call for crossing in crossings}),
        first_seen=crossings[0].time,
        last_seen=crossings[-1].time,
    )


def _shown(candidate: Candidate) -> Sequence[Crossing]:
    """The crossings whose traces are needed: each one of a flow, else the first."""
    return candidate.crossings if rule(candidate.rule).direct is None else candidate.crossings[:1]


@dataclass(frozen=True, slots=True)
class _Woven:
    part: _Part
    crossing: Crossing
    witness: Witness | None
    proof: Proof


class _Weaver:
    """Makes findings out of judged parts, with the spans of their traces at hand."""

    def __init__(
        self, spans: Mapping[str, list[Span]], ignored: set[int], speaker: Speaker
    ) -> None:
        self._spans = spans
        self._ignored = ignored
        self._speaker = speaker
        self._weaves: dict[tuple[str, ...], Weave] = {}

    def finding(self, parts: Sequence[_Part]) -> Finding | None:
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

    def _woven(self, the_rule: Rule, part: _Part) -> Iterable[_Woven]:
        for crossing in part.candidate.crossings:
            if the_rule.direct is not None:
                yield _Woven(part, crossing, None, the_rule.direct)
            elif crossing.source:
                witness = self._weave(crossing).witness(crossing.source, crossing.call)
                if witness:
                    yield _Woven(part, crossing, witness, witness.proof)

    def _weave(self, crossing: Crossing) -> Weave:
        refs = (crossing.call, crossing.source or crossing.call)
        traces = tuple(sorted({ref.trace_id for ref in refs}))
        if traces not in self._weaves:
            spans = [span for trace in traces for span in self._spans.get(trace, [])]
            self._weaves[traces] = Weave(spans, commonplace=self._ignored)
        return self._weaves[traces]

    def _told(self, the_rule: Rule, kept: Sequence[_Woven], best: _Woven) -> Finding:
        part, crossing = best.part, best.crossing
        weave = self._weave(crossing)
        candidate = _with_agent(part.candidate, weave.ancestors(crossing.call))
        calls = tuple(dict.fromkeys(w.crossing.call for w in kept))
        parts = list({id(w.part): w.part for w in kept}.values())
        reasons = tuple(dict.fromkeys(r for p in parts for r in p.judgement.reasons))
        judgement = replace(part.judgement, reasons=reasons)
        sources = [
            *(w.crossing.source for w in kept if w.crossing.source),
            *(ref for p in parts for ref in p.introduced_by),
        ]
        direct = the_rule.direct is not None
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
        )
        speaker = self._speaker
        evidence = Evidence(
            answers=speaker.answers(told),
            records=tuple(dict.fromkeys(r for p in parts for r in p.judgement.records)),
            missing=tuple(dict.fromkeys(m for p in parts for m in p.judgement.missing)),
            frameworks=the_rule.frameworks,
            values=tuple(f"{value:016x}" for value in crossing.carried[:8]),
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
            chain=draw(told, weave, best.witness),
            evidence=evidence,
        )

    def _severity(
        self, the_rule: Rule, parts: Sequence[_Part], judgement: Judgement, proof: Proof
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


def _record(
    store: Store, findings: Sequence[Finding], since: datetime | None
) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Append what is new, what changed and what is withdrawn to the ledger."""
    known = {row["finding_id"]: row for row in store.rows(statement(_SQL, "known_findings"))}
    new = [finding for finding in findings if finding.id not in known]
    changed = [
        finding
        for finding in findings
        if finding.id in known and finding.revision != known[finding.id]["revision"]
    ]
    derived = {finding.id for finding in findings}
    gone = [
        name
        for name, row in known.items()
        if row["state"] == "open"
        and name not in derived
        and (since is None or moment(row["last_seen_us"]) >= since)
    ]
    withdrawn = [replace(found, state="withdrawn") for found in _stored(store, gone)]
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [f.to_row(now) for f in (*new, *changed, *withdrawn)]
    store.insert("ledger", rows)
    return new, changed, withdrawn


def _stored(store: Store, ids: Sequence[str]) -> Iterator[Finding]:
    for first in range(0, len(ids), _CHUNK):
        chunk = ids[first : first + _CHUNK]
        for row in store.rows(statement(_SQL, "stored_findings"), {"ids": chunk}):
            yield Finding.from_row(row)


def _silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""
