"""Had the request pointed at that? Compares the terms of a request with those of a call."""

from partywall.request import Item
from partywall_analyzer.introduction.facts import CallFacts

ENOUGH = 2
"""So many of a request's ordinary words in the arguments of a call say what the request says."""


def points_at_call(item: Item, call: CallFacts) -> bool:
    """Say whether what the call asked for is what this part of the request is about."""
    return bool(item.single & call.argument_terms or item.names & call.argument_terms) or (
        len(item.words & call.argument_terms) >= ENOUGH
    )


def points_at_record(item: Item, call: CallFacts, record: int) -> bool:
    """Say whether a short value of the record is something that this part of the request names."""
    return bool(item.names & call.record_terms.get(record, frozenset()))
