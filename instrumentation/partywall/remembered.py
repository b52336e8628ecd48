"""Identifiers found in texts, remembered for a moment: up to three spans describe one call.

The client of a server, the server and the framework each carry the text of the same arguments and
the same result, and each text is searched for more than one reason.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from partywall import identifiers
from partywall.identifiers import Identifier, Kinds

LONGEST: Final = 65_536
"""Characters up to which a text is remembered."""

TEXTS: Final = 32
"""Texts that are remembered."""

Found = tuple[Identifier, ...]


def identifiers_in(text: str) -> Found:
    """Return the distinct identifiers of a text in the order of their first appearance."""
    return _search(text)[0]


def in_quotes(text: str) -> Mapping[str, Found]:
    """Return what stands in double quotes in a text, and the distinct identifiers in it.

    An entry holds what a search of the quoted text by itself finds; a quoted text that is missing
    has to be searched.
    """
    return _search(text)[1]


def _search(text: str) -> tuple[Found, Mapping[str, Found]]:
    searched = _remembered if len(text) <= LONGEST else _searched
    return searched(identifiers.in_force(), text)


def _searched(kinds: Kinds, text: str) -> tuple[Found, Mapping[str, Found]]:
    """Search a text once for both.

    No pattern looks at what stands around its match, but for the edge of a word, and a quote is as
    good an edge as an end of the text. So only a match that runs over a quote can differ.
    """
    found: dict[Identifier, None] = {}
    quoted: dict[str, Found] = dict.fromkeys(text.split('"')[1:-1], ())
    unsure: list[str] = []
    for identifier, start, end in kinds.spans(text):
        found[identifier] = None
        begin, close = text.rfind('"', 0, start) + 1, text.find('"', end)
        piece = text[begin : close if close >= 0 else None]
        if '"' in piece:
            unsure += piece.split('"')
        elif piece in quoted and identifier not in quoted[piece]:
            quoted[piece] += (identifier,)
    for piece in unsure:
        quoted.pop(piece, None)
    return tuple(found), quoted


_remembered = lru_cache(maxsize=TEXTS)(_searched)
