"""Where the data came from that a call sent out: earlier calls that brought the same values."""

from collections.abc import Sequence

from partywall_analyzer.introduction.facts import CallFacts


def source_calls(before: Sequence[CallFacts], call: CallFacts) -> tuple[CallFacts, ...]:
    """Return the earlier calls whose results hold identifiers that the call's arguments carry.

    To whom it goes is no part of what goes.
    """
    carried = call.values_in.difference(call.party_values)
    return tuple(
        earlier for earlier in before if not earlier.failed and earlier.values_out & carried
    )
