"""What goes along with a call: a link or an address that nobody who may speak brought in.

A party can be right and still be sent something wrong: a link that a planted text put into the
message. Only typed identifiers are looked at, and only those that an earlier result showed.
"""

from partywall_analyzer.introduction.facts import CallFacts
from partywall_analyzer.introduction.history import History, Seen


def smuggled(history: History, call: CallFacts) -> list[Seen]:
    """Where what a call carries came from, if no part of the request stands behind it.

    A part stands behind one if it points at content that shows it, and asks to reach somebody.
    """
    upto = history.before(call)
    found: list[Seen] = []
    for value in sorted(call.values_in.difference(call.party_values)):
        seen = list(history.seen(value, upto))
        if not any(item.reaches for shown in seen for item in shown.items):
            found += seen
    return found
