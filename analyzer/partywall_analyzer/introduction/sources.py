"""Where the data came from that a call sent out: earlier calls that brought the same."""

from collections.abc import Sequence
from typing import NamedTuple

from partywall.request import RequestFacts
from partywall_analyzer.introduction.facts import CallFacts

ENOUGH = 2
"""So many words in common, which the request does not have, say that a record was sent on."""


class Source(NamedTuple):
    """A call that brought what a later one sent: so many identifiers, or else words (0)."""

    call: CallFacts
    values: int


def source_calls(
    before: Sequence[CallFacts], call: CallFacts, request: RequestFacts | None = None
) -> tuple[Source, ...]:
    """Return the earlier calls that brought what the call's arguments carry.

    An identifier in common is enough, or two words of the short values of records. What a call was
    itself given it did not bring: the receipt of one mail is no source of the next.
    """
    values, terms = sent_values(call), sent_terms(call, request)
    found = (
        Source(earlier, len((earlier.values_out - earlier.values_in) & values))
        for earlier in before
    )
    return tuple(
        source
        for source in found
        if not source.call.failed
        and (source.values or len(_brought(source.call) & terms) >= ENOUGH)
    )


def sent_values(call: CallFacts) -> frozenset[int]:
    """The identifiers that a call sends; to whom is no part of what."""
    return call.values_in.difference(call.party_values)


def sent_terms(call: CallFacts, request: RequestFacts | None) -> frozenset[int]:
    """The words that a call sends and that its request does not have."""
    terms = call.argument_terms.difference(*call.party_terms)
    for item in request.items if request else ():
        terms -= item.words | item.names | item.single
    return terms


def _brought(call: CallFacts) -> frozenset[int]:
    """The words of its records that it was not itself asked with."""
    return frozenset[int]().union(*call.record_terms.values()) - call.argument_terms
