"""What goes along with a call that nobody who may speak for it brought in: links, addresses, words.

A party can be right and still be sent something wrong: a link that a planted text put into the
message, or the entries of another record. A part of the request stands behind what content shows if
it points at that content and asks to reach somebody.
"""

from partywall_analyzer.introduction.facts import CallFacts
from partywall_analyzer.introduction.history import History
from partywall_analyzer.introduction.sources import ENOUGH, sent_terms, sent_values


def smuggled_identifiers(history: History, call: CallFacts) -> list[CallFacts]:
    """The calls that showed identifiers which the call carries, and for which no part stands."""
    upto = history.before(call)
    found: list[CallFacts] = []
    for value in sorted(sent_values(call)):
        seen = list(history.seen(value, upto))
        if not any(item.reaches for shown in seen for item in shown.items):
            found += [shown.call for shown in seen]
    return found


def smuggled_words(history: History, call: CallFacts) -> list[CallFacts]:
    """The calls with records at which nobody pointed, if the call carries two words of such ones.

    Words that pointed-at records have as well, or the request, are nobody's in particular.
    """
    pointed: set[int] = set()
    others: list[tuple[CallFacts, frozenset[int]]] = []
    for record in history.records(history.before(call)):
        if record.items:
            pointed |= record.terms
        else:
            others.append((record.call, record.terms))
    carried = sent_terms(call, history.request) - pointed
    words = frozenset[int]().union(*(terms & carried for _, terms in others))
    if len(words) < ENOUGH:
        return []
    return [earlier for earlier, terms in others if terms & words]
