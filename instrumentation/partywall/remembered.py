"""Identifiers found in texts, remembered for a moment: up to three spans describe one call.

The client of a server, the server and the framework each carry the text of the same arguments and
the same result, and each text is searched for more than one reason.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import Final

from partywall import identifiers
from partywall.identifiers import BUILT_IN, Identifier, Kinds

LONGEST: Final = 65_536
"""Characters up to which a text is remembered."""

TEXTS: Final = 32
"""Texts that are remembered."""

SHORT: Final = 256
"""Characters up to which a piece of a text is remembered; records have the same values again."""

Found = tuple[Identifier, ...]

_LABELS: Final = {
    label: re.compile(label + number)
    for labels, number in (
        (
            ("ccount", "CCOUNT", "cct", "CCT", "/c", "/C"),
            r"[ _.-]{0,2}(?:[Nn]um|NUM|[Nn]r|[Nn]o|NO|[Ii][Dd]|#)",
        ),
        (("onto",), r"(?:nummer|-?[Nn]r)"),
    )
    for label in labels
}
"""What is in each label of an account, and the same with what must stand behind it."""

_TYPED = re.compile(r"[0-9@]|[.-][A-Za-z0-9-]")
"""Every identifier of the table has one of these."""


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

    Of the kinds of the table only an account runs over a quote or the end of a line, behind its
    label. In a text without one, what stands between them is searched piece by piece.
    """
    if kinds.declared or _has_label(text):
        return _searched_whole(kinds, text)
    pieces = dict.fromkeys(text.replace("\n", '"').split('"'))
    quoted = {piece: _of_piece(piece) if _TYPED.search(piece) else () for piece in pieces}
    return tuple(dict.fromkeys(chain.from_iterable(filter(None, quoted.values())))), quoted


def _has_label(text: str) -> bool:
    """Whether there may be the label of an account; most texts have no part of one."""
    return any(label in text and form.search(text) for label, form in _LABELS.items())


def _of_piece(piece: str) -> Found:
    return _of_short(piece) if len(piece) <= SHORT else tuple(BUILT_IN.find(piece))


@lru_cache(maxsize=4096)
def _of_short(piece: str) -> Found:
    return tuple(BUILT_IN.find(piece))


def _searched_whole(kinds: Kinds, text: str) -> tuple[Found, Mapping[str, Found]]:
    """The same, where a match may run over a quote.

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
