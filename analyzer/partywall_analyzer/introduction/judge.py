"""The decision table: which introduction of a party a request stands behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from partywall.actions import VISITS
from partywall.identifiers import KINDS, Identifier, find
from partywall.request import Item, RequestFacts
from partywall_analyzer.introduction.facts import CallFacts, Rank
from partywall_analyzer.introduction.history import History, Seen
from partywall_analyzer.introduction.payload import smuggled_identifiers, smuggled_words

Verdict = Literal["delegated", "not delegated", "unknown"]
IsOwn = Callable[[Identifier], bool]

CARRIES = "the call carries data of content that the request does not stand behind"
_SAID: Final[tuple[tuple[Rank, str], ...]] = (
    ("outsider", "a field that outsiders write, at which the request points"),
    ("text", "a text that the request points at"),
)
"""What somebody outside may have written, the higher authority first."""

_RANKS_OF_OUTSIDERS: Final = frozenset(rank for rank, _ in _SAID)
FORMED = frozenset(kind.name for kind in KINDS if kind.pattern)


@dataclass(frozen=True, slots=True)
class Introduction:
    """How a party came into a session: the verdict, why, the calls that brought it, and where.

    `carried_from` are the calls that showed what went along and was not asked for.
    """

    verdict: Verdict
    reason: str
    introduced_by: tuple[tuple[str, str], ...] = ()
    rank: str = ""
    carried_from: tuple[tuple[str, str], ...] = ()


def judge_introduction(
    history: History, call: CallFacts, party: Identifier, is_own: IsOwn
) -> Introduction:
    """Judge one foreign party of a call by the request and the earlier calls of its session.

    A party that is right is still refused if the call carries to it what nobody asked for; where
    the request itself names the party, that leaves the verdict open.
    """
    made = _judge_party(history, call, party, is_own)
    if made.verdict != "delegated" or call.operation in VISITS:
        return made
    along = smuggled_identifiers(history, call)
    if made.rank in _RANKS_OF_OUTSIDERS:
        along += smuggled_words(history, call)
    if not along:
        return made
    verdict: Verdict = "unknown" if made.rank == "request" else "not delegated"
    return replace(made, verdict=verdict, reason=CARRIES, carried_from=_calls(along))


def _judge_party(
    history: History,
    call: CallFacts,
    party: Identifier,
    is_own: IsOwn,
    *,
    through_links: bool = True,
) -> Introduction:
    """The decision table, without a look at what goes along.

    Authority: the request, then the value of a field, then that of one which outsiders write, then
    a text, then a text behind a link that was itself delegated. A lower one counts only where no
    higher one answers, and what outsiders write only if the request asks to reach somebody.
    `is_own` says whether a party is the tenant's own. Any word can be a plain name, so other names
    in sight answer nothing.
    """
    request = history.request
    if request is None or not (request.items or request.listed):
        return Introduction("unknown", "request not recorded")
    has_form = party.kind in FORMED
    if has_form and not any(found.kind == party.kind for found in find(party.value)):
        return Introduction("unknown", "unresolved party")
    upto = history.before(call)
    value, terms = _fingerprints(call, party)
    if _is_named(request, party, terms):
        return Introduction("delegated", "named in the request", rank="request")
    if not request.items:
        return Introduction("unknown", "the text of the request is not recorded")

    seen = list(history.seen(value, upto))
    if not seen:
        return Introduction("unknown", "nothing before the call shows the party")
    looks = call.operation in VISITS
    if not looks and all(item.only_asks for item in request.items):
        return _refused("the request is only a question", seen)

    fields = [found for found in seen if found.introduced.rank == "scalar"]
    pointed = [
        found for found in fields if any(looks or not item.only_asks for item in found.items)
    ]
    if pointed:
        return _delegated("the value of a field that the request points at", pointed)
    better = has_form and history.offers_another(party.kind, "scalar", value, upto)
    inside = [found for found in fields if all(map(is_own, found.call.parties))]
    if inside and not better:
        return _delegated("the value of a field, and no other is pointed at", inside)

    asking = tuple(item for item in request.items if looks or item.reaches)
    if not asking:
        return _refused("the request asks for nothing that reaches anybody", seen)
    texts = list[Seen]()
    for rank, reason in _SAID:
        texts = [found for found in seen if found.introduced.rank == rank]
        trusted = [found for found in texts if _stands_behind(found, asking, party.kind, is_own)]
        if trusted and not better:
            return _delegated(reason, trusted)
        better = better or (has_form and history.offers_another(party.kind, rank, value, upto))
    if through_links and not better and not _names_another(request.items, party.kind, is_own):
        linked = [found for found in texts if _was_delegated(history, found.call, is_own)]
        if linked:
            return _delegated("a page behind a link that the request points at", linked)
    if not any(found.items for found in seen):
        return _refused("brought in by content that the request does not point at", seen)
    return _refused("the request has a better source for such a party", seen)


def _fingerprints(call: CallFacts, party: Identifier) -> tuple[int, frozenset[int]]:
    at = call.parties.index(party)
    return call.party_values[at], call.party_terms[at]


def _is_named(request: RequestFacts, party: Identifier, terms: frozenset[int]) -> bool:
    """Whether the request names the party; a plain name by all of its words."""
    if party in request.named:
        return True
    return (
        party.kind not in FORMED
        and bool(terms)
        and any(terms <= item.words | item.names for item in request.items)
    )


def _stands_behind(found: Seen, asking: Sequence[Item], kind: str, is_own: IsOwn) -> bool:
    """Whether a part of the request points at the text, asks for the action and names nobody."""
    return any(item in asking and not _names_another((item,), kind, is_own) for item in found.items)


def _names_another(items: Sequence[Item], kind: str, is_own: IsOwn) -> bool:
    return any(found.kind == kind and not is_own(found) for item in items for found in item.named)


def _was_delegated(history: History, call: CallFacts, is_own: IsOwn) -> bool:
    """Whether every foreign party of an earlier call was itself delegated by content."""
    verdicts = [
        _judge_party(history, call, party, is_own, through_links=False)
        for party in call.parties
        if not is_own(party)
    ]
    return bool(verdicts) and all(
        made.verdict == "delegated" and made.rank != "request" for made in verdicts
    )


def _delegated(reason: str, seen: Sequence[Seen]) -> Introduction:
    return Introduction("delegated", reason, _refs(seen), seen[0].introduced.rank)


def _refused(reason: str, seen: Sequence[Seen]) -> Introduction:
    return Introduction("not delegated", reason, _refs(seen), seen[0].introduced.rank)


def _refs(seen: Sequence[Seen]) -> tuple[tuple[str, str], ...]:
    return _calls([found.call for found in seen])


def _calls(calls: Sequence[CallFacts]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys(call.ref for call in calls))
