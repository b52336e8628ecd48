"""Keyed fingerprints of the identifiers in what a call was given and what it gave back.

They are taken before content is left out, so that two calls that carried the same mailbox or order
number can be matched without either being stored. Everything is bounded: an argument of any size,
a cycle, or an object that is no JSON costs at most `LONGEST` characters of work.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from partywall import conventions, identifiers
from partywall.fingerprint_keys import Key
from partywall.remembered import identifiers_in

MOST: Final = 64
"""Identifiers of one direction of a call that are fingerprinted; further ones are counted."""

LONGEST: Final = 65_536
"""Characters of a text that are read; what stands behind them is not seen."""

DEEPEST: Final = 16
WIDEST: Final = 2_000
"""How far into a nested value is looked, and at how many of its parts."""


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


def is_data(value: object) -> bool:
    """Whether an object is a record, so that it is looked into: a dataclass or pydantic model."""
    kind = type(value)
    return hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__pydantic_fields__")


def is_said(argument: object) -> bool:
    """Whether an argument is what a caller says: no `self`, client or framework context."""
    return argument is not None and (
        isinstance(argument, str | int | float | bytes | dict | list | tuple | set | frozenset)
        or hasattr(type(argument), "__pydantic_fields__")
    )


def unescaped(text: str) -> str:
    """JSON as plain text; `sql/functions/partywall_unescaped.sql` is the same."""
    return identifiers.unescape(text) if "\\" in text else text


def text_of(value: object) -> tuple[str, bool]:
    """The texts in a value, a line each, and whether some were left out. It calls nothing of it."""
    parts: list[str] = []
    room, width, cut = LONGEST, WIDEST, False
    seen: set[int] = set()
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        text = item if type(item) is str else _scalar(item)
        if text is not None:
            cut = cut or len(text) > room
            parts.append(text[:room])
            room -= len(text) + 1
            if room <= 0:
                return "\n".join(parts), cut or bool(stack)
            continue
        if id(item) in seen:
            continue
        if depth >= DEEPEST or width <= 0:
            cut = True
            continue
        seen.add(id(item))
        below, whole = _parts(item, width)
        cut = cut or not whole
        width -= len(below)
        stack.extend((part, depth + 1) for part in reversed(below))
    return "\n".join(parts), cut


def as_json(value: object) -> str:
    """A value as JSON text, or as its texts, a line each, where it is no small JSON value."""
    if isinstance(value, str):
        return value[:LONGEST]
    text, cut = text_of(value)
    if not cut:
        try:
            return json.dumps(value, ensure_ascii=False, default=_plain)[:LONGEST]
        except (TypeError, ValueError, RecursionError):  # odd keys, a cycle
            pass
    return text


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return _scalar(value)
    if isinstance(value, set | frozenset | tuple):
        return list(cast(Collection[object], value))
    if not is_data(value):
        return None
    return getattr(value, "__dict__", None) or {
        name: getattr(value, name, None) for name in _slots(value)
    }


def _scalar(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        # A huge integer has no text that could be made in time.
        return str(value) if isinstance(value, float) or value.bit_length() < 1024 else ""
    if isinstance(value, bytes | bytearray):
        return bytes(value[:LONGEST]).decode("utf-8", "replace")
    return None


def _slots(value: object) -> Iterable[str]:
    return cast(dict[str, object], getattr(type(value), "__dataclass_fields__", {}))


def _parts(value: object, most: int) -> tuple[list[object], bool]:
    """What a value is made of, and whether that is all of it."""
    parts: Iterable[object]
    try:
        if isinstance(value, dict):
            mapping = cast(Mapping[object, object], value)
            parts = (part for pair in mapping.items() for part in pair)
            size = 2 * len(mapping)
        elif isinstance(value, list | tuple | set | frozenset):
            parts = cast(Collection[object], value)
            size = len(parts)
        else:
            if not is_data(value):
                return [], True
            fields = getattr(value, "__dict__", None) or {
                name: getattr(value, name, None) for name in _slots(value)
            }
            parts = cast(dict[str, object], fields).values()
            size = len(fields)
        return list(islice(parts, most)), size <= most
    except Exception:  # whatever an object's own methods raise: it is not looked into
        return [], False
