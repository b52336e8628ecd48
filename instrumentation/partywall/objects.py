"""What a Python value says, as text or as JSON, at a bounded cost; it calls nothing of it.

Of a value of any size the first part is read: `LONGEST` characters, `DEEPEST` levels and `WIDEST`
parts. A cycle is read once, and an object that is no record is not looked into.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from math import isfinite
from typing import Final, TypeVar, cast

from partywall.json_values import mended
from partywall.remembered import LONGEST

T = TypeVar("T")

DEEPEST: Final = 16
WIDEST: Final = 2_000
"""How far into a nested value is looked, and at how many of its parts."""


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


def text_of(value: object) -> tuple[str, bool]:
    """The texts in a value, a line each, and whether some were left out."""
    parts: list[str] = []
    room, width, cut = LONGEST, WIDEST, False
    seen: set[int] = set()
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        width -= 1
        text = item if type(item) is str else _scalar(item)
        if text is not None:
            cut = cut or len(text) > room
            parts.append(text[:room])
            room -= len(text) + 1
        elif id(item) not in seen:
            seen.add(id(item))
            below, whole = _parts(item, WIDEST) if depth < DEEPEST else ([], False)
            cut = cut or not whole
            stack.extend((part, depth + 1) for part in reversed(below))
        if room <= 0 or width <= 0:
            return "\n".join(parts), cut or bool(stack)
    return "\n".join(parts), cut


def as_json(value: object) -> str:
    """A value as JSON; a text stays as it is. Of a long one, the first part.

    A text is cut behind `LONGEST` characters, so that its reader knows; JSON is whole up to there.
    """
    if isinstance(value, str):
        return value[: LONGEST + 1]
    text = json.dumps(_Copy().of(value), ensure_ascii=False)
    return text if len(text) <= LONGEST else mended(text[:LONGEST])


class _Copy:
    """Copies the first part of a value into what JSON can hold."""

    def __init__(self) -> None:
        self._room = LONGEST
        self._width = WIDEST
        self._above: set[int] = set()

    def of(self, value: object) -> object:
        """The copy; nothing stands for what is left out."""
        self._width -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return value if _is_number(value) else None
        if (text := _scalar(value)) is not None:
            return self._text(text)
        if id(value) in self._above or len(self._above) >= DEEPEST:
            return None
        self._above.add(id(value))
        try:
            return self._inside(value)
        except Exception:  # whatever an object's own methods raise: it is not looked into
            return None
        finally:
            self._above.discard(id(value))

    def _inside(self, value: object) -> object:
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(item) for item in self._first(cast(Collection[object], value))]
        if (members := _members(value)) is None:
            return None
        return {self._key(key): self.of(inner) for key, inner in self._first(members.items())}

    def _first(self, parts: Iterable[T]) -> Iterator[T]:
        """Those of the parts for which there is room when it is their turn."""
        for part in parts:
            if self._width <= 0 or self._room <= 0:
                return
            yield part

    def _key(self, key: object) -> str | int | float | None:
        self._width -= 1
        if key is None or (isinstance(key, int | float) and _is_number(key)):
            return key
        return self._text(text_of(key)[0])

    def _text(self, text: str) -> str:
        text = text[: max(self._room, 0)]
        self._room -= len(text) + 1
        return text


def _members(value: object) -> Mapping[object, object] | None:
    """The members of a dict or a record; None for anything else."""
    if isinstance(value, dict):
        return cast(Mapping[object, object], value)
    if not is_data(value):
        return None
    return getattr(value, "__dict__", None) or {
        name: getattr(value, name, None) for name in _slots(value)
    }


def _is_number(value: float) -> bool:
    """Whether it has a text, and one that could be made in time."""
    return isfinite(value) if isinstance(value, float) else value.bit_length() < 1024


def _scalar(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, int):
        return str(value) if _is_number(value) else ""
    if isinstance(value, bytes | bytearray):
        return bytes(value[:LONGEST]).decode("utf-8", "replace")
    return None


def _slots(value: object) -> Iterable[str]:
    return cast(dict[str, object], getattr(type(value), "__dataclass_fields__", {}))


def _parts(value: object, most: int) -> tuple[list[object], bool]:
    """What a value is made of, and whether that is all of it."""
    parts: Iterable[object]
    try:
        if isinstance(value, list | tuple | set | frozenset):
            parts = cast(Collection[object], value)
            size = len(parts)
        elif (members := _members(value)) is None:
            return [], True
        elif isinstance(value, dict):
            parts = (part for pair in members.items() for part in pair)
            size = 2 * len(members)
        else:
            parts = members.values()
            size = len(members)
        return list(islice(parts, most)), size <= most
    except Exception:  # whatever an object's own methods raise: it is not looked into
        return [], False
