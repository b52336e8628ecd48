"""Identifiers found in texts, remembered for a moment: up to three spans describe one call.

The client of a server, the server and the framework each carry the text of the same arguments and
the same result, and each text is searched for more than one reason.
"""

from functools import lru_cache
from typing import Final

from partywall import identifiers
from partywall.identifiers import Identifier, Kinds

LONGEST: Final = 16_384
"""Characters up to which a text is remembered."""

TEXTS: Final = 64
"""Texts that are remembered."""


def identifiers_in(text: str) -> tuple[Identifier, ...]:
    """Return the distinct identifiers of a text in the order of their first appearance."""
    return (_remembered if len(text) <= LONGEST else _found)(text, identifiers.in_force())


def _found(text: str, kinds: Kinds) -> tuple[Identifier, ...]:
    return tuple(kinds.find(text))


_remembered = lru_cache(maxsize=TEXTS)(_found)
