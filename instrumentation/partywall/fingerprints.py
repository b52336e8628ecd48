"""Keyed fingerprints of the identifiers in what a call was given and what it gave back.

They are taken before content is left out, so that two calls that carried the same mailbox or order
number can be matched without either being stored. Of a text the first `LONGEST` characters are
read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from partywall import conventions, identifiers
from partywall.fingerprint_keys import Key
from partywall.objects import text_of
from partywall.remembered import LONGEST, identifiers_in

MOST: Final = 64
"""Identifiers of one direction of a call that are fingerprinted; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Values:
    """The fingerprints of one direction of a call, under one key after the other."""

    numbers: tuple[str, ...]
    dropped: int
    cut: bool


def of_text(keys: Sequence[Key], text: str) -> Values:
    """The fingerprints of the identifiers in a text, JSON or not."""
    found = identifiers_in(unescaped(text[:LONGEST]))
    taken = (identifiers.fingerprints(key.secret, found[:MOST]) for key in keys)
    return Values(
        tuple(str(number) for numbers in taken for number in numbers),
        max(0, len(found) - MOST),
        len(text) > LONGEST,
    )


def of_arguments(keys: Sequence[Key], text: str) -> Values:
    """The fingerprints of a tool's arguments as an attribute holds them."""
    if len(text) > LONGEST:
        return of_text(keys, text)  # too long to be taken apart
    return of_text(keys, conventions.unwrapped(text))


def of_object(keys: Sequence[Key], value: object) -> Values:
    """The fingerprints of the identifiers in any Python value."""
    text, cut = text_of(value)
    values = of_text(keys, text)
    return Values(values.numbers, values.dropped, values.cut or cut)


def unescaped(text: str) -> str:
    """JSON as plain text; `sql/functions/partywall_unescaped.sql` is the same."""
    return identifiers.unescape(text) if "\\" in text else text
