"""The calls of one session as the request sees them, indexed once for all parties of it."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from partywall.actions import VISITS
from partywall.request import Item, RequestFacts
from partywall_analyzer.introduction.facts import CallFacts, Introduced, Rank
from partywall_analyzer.introduction.pointing import points_at_call, points_at_record

OFFERS = 2
"""Of the parties that pointed-at content offers, the first two tell whether there is another."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One introduction of a party, and the parts of the request that point at it."""

    call: CallFacts
    introduced: Introduced
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a result: the words of its short values that its call was not asked with."""

    call: CallFacts
    terms: frozenset[int]
    items: tuple[Item, ...]


class History:
    """What the results of a session showed, in the order in which they came.

    `before` tells how many of the calls had ended when a call began; the other answers are about
    that many first calls.
    """

    def __init__(self, request: RequestFacts | None, calls: Sequence[CallFacts]) -> None:
        """Index the calls; the pointing is worked out at the first question about a call."""
        self.request = request
        self._items = request.items if request else ()
        self._calls = sorted(calls, key=lambda call: call.end)
        self._ends = [call.end for call in self._calls]
        self._by_call: dict[int, tuple[Item, ...]] = {}
        self._by_record: dict[tuple[int, int], tuple[Item, ...]] = {}
        self._shown: defaultdict[int, list[tuple[int, Introduced]]] = defaultdict(list)
        for at, call in enumerate(self._calls):
            if not call.failed:
                for introduced in call.introduces:
                    self._shown[introduced.value].append((at, introduced))
        self._offered: dict[tuple[str, Rank], list[tuple[int, int]]] = {}

    def before(self, call: CallFacts) -> int:
        """How many calls had ended when this one began; the call itself is none of them."""
        upto = bisect_right(self._ends, call.start)
        while upto and self._calls[upto - 1].ref == call.ref:
            upto -= 1
        return upto

    def earlier(self, call: CallFacts) -> Sequence[CallFacts]:
        """The calls that had ended when this one began."""
        return self._calls[: self.before(call)]

    def seen(self, value: int, upto: int) -> Iterator[Seen]:
        """Where a party was shown, the earliest first."""
        for at, introduced in self._shown.get(value, ()):
            if at >= upto:
                return
            items = self._pointing(at, introduced.record)
            yield Seen(self._calls[at], introduced, items)

    def records(self, upto: int) -> Iterator[Record]:
        """The records of all results, with the parts of the request that point at each."""
        for at, call in enumerate(self._calls[:upto]):
            if not call.failed:
                for record, terms in call.record_terms.items():
                    items = self._pointing(at, record)
                    yield Record(call, terms - call.argument_terms, items)

    def offers_another(self, kind: str, rank: Rank, value: int, upto: int) -> bool:
        """Whether content that the request points at offers another party of the kind."""
        return any(at < upto and other != value for other, at in self._offers(kind, rank))

    def _offers(self, kind: str, rank: Rank) -> list[tuple[int, int]]:
        """Parties of pointed-at content; what a call answers that reached somebody is no source."""
        if (kind, rank) not in self._offered:
            found: dict[int, int] = {}
            for at, call in enumerate(self._calls):
                sends = call.parties and call.operation not in VISITS
                if call.failed or sends or len(found) >= OFFERS:
                    continue
                for other in call.introduces:
                    fits = (other.kind, other.rank) == (kind, rank) and other.value not in found
                    if fits and self._pointing(at, other.record):
                        found[other.value] = at
            self._offered[kind, rank] = list(found.items())[:OFFERS]
        return self._offered[kind, rank]

    def _pointing(self, at: int, record: int) -> tuple[Item, ...]:
        """The parts of the request that point at a record, or at the call that brought it."""
        call = self._calls[at]
        if at not in self._by_call:
            self._by_call[at] = tuple(item for item in self._items if points_at_call(item, call))
        if (at, record) not in self._by_record:
            self._by_record[at, record] = tuple(
                item
                for item in self._items
                if points_at_record(item, call, record) or item in self._by_call[at]
            )
        return self._by_record[at, record]
