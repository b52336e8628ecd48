"""Takes the crossings of a candidate apart by how they are judged."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from partywall_analyzer.introductions import Introductions
from partywall_analyzer.model import Along, Candidate, Crossing, Ref, Verdict
from partywall_analyzer.observations import Calls
from partywall_analyzer.verdict import Judge, Judgement


class _Alike(NamedTuple):
    """By which the crossings of a candidate are told apart."""

    judgement: Judgement
    reason: str
    rank: str


@dataclass(frozen=True, slots=True)
class Part:
    """Crossings of one finding that are judged alike."""

    candidate: Candidate
    judgement: Judgement
    why_party: str = ""
    introduced_by: tuple[Ref, ...] = ()
    rank: str = ""
    """Where the party stood that was introduced: in a field, in one of an outsider, in a text."""


def judged(
    judge: Judge, introductions: Introductions, calls: Calls, candidate: Candidate
) -> Iterable[Part]:
    """Judge a candidate; one with a foreign party call by call, as each has its own past."""
    judgement = judge.judge(candidate)
    if not candidate.party or judgement.verdict is Verdict.AUTHORISED:
        return [Part(candidate, judgement)]
    parts: defaultdict[_Alike, list[Crossing]] = defaultdict(list)
    brought: defaultdict[_Alike, dict[Ref, None]] = defaultdict(dict)
    for crossing in candidate.crossings:
        observed = crossing.observed or crossing.call
        made = introductions.of(candidate, observed)
        judged = judgement
        # A request speaks for its own tenant: it cannot give away the data of another one.
        if made.verdict != "delegated" or candidate.from_tenant == candidate.session_tenant:
            claimed = introductions.rests_on_agent(candidate)
            judged = judge.with_introduction(judgement, made.verdict, claimed=claimed)
        key = _Alike(judged, made.reason, made.rank)
        bringers = [calls.lead(Ref(*ref)) for ref in made.introduced_by]
        if bringers and not crossing.source:
            crossing = replace(crossing, source=bringers[0])
        carried = [Along(Ref(*ref), 0) for ref in made.carried_from]
        along = [*introductions.sources(candidate, observed), *carried]
        parts[key].append(replace(crossing, along=_led(along, crossing.call, calls)))
        brought[key].update(dict.fromkeys(bringers))
    return [
        Part(candidate.only(parts[key]), key.judgement, key.reason, tuple(brought[key]), key.rank)
        for key in parts
    ]


def _led(along: Sequence[Along], call: Ref, calls: Calls) -> tuple[Along, ...]:
    """The calls that were observed, each once, without the crossing call itself."""
    found: dict[Ref, Along] = {}
    for each in along:
        lead = calls.lead(each.call)
        if lead != call:
            found.setdefault(lead, Along(lead, each.values))
    return tuple(found.values())
