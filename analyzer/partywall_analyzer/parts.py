"""Takes the crossings of a candidate apart by how they are judged."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from partywall_analyzer.introductions import Introductions
from partywall_analyzer.model import Candidate, Crossing, Ref, Verdict
from partywall_analyzer.verdict import Judge, Judgement


@dataclass(frozen=True, slots=True)
class Part:
    """Crossings of one finding that are judged alike."""

    candidate: Candidate
    judgement: Judgement
    why_party: str = ""
    introduced_by: tuple[Ref, ...] = ()


def judged(judge: Judge, introductions: Introductions, candidate: Candidate) -> Iterable[Part]:
    """Judge a candidate; one with a foreign party call by call, as each has its own past."""
    judgement = judge.judge(candidate)
    if not candidate.party or judgement.verdict is Verdict.AUTHORISED:
        return [Part(candidate, judgement)]
    parts: defaultdict[tuple[Judgement, str], list[Crossing]] = defaultdict(list)
    brought: defaultdict[tuple[Judgement, str], dict[Ref, None]] = defaultdict(dict)
    for crossing in candidate.crossings:
        made = introductions.of(candidate, crossing.observed or crossing.call)
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
        Part(_only(candidate, crossings), judged, reason, tuple(brought[judged, reason]))
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
