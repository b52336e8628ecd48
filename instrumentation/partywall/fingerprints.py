"""Keyed fingerprints of the identifiers in what a call was given and what it gave back.

They are taken before content is left out, so that two calls that carried the same mailbox or order
number can be matched without either being stored. Everything is bounded: an argument of any size,
a cycle, or an object that is no JSON costs at most `LONGEST` characters of work.
"""

import hashlib
import hmac
import logging
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal, cast

from partywall import conventions, identifiers, settings

log = logging.getLogger("partywall")

MOST: Final = 64
"""Fingerprints of one direction of a call; further ones are counted."""

LONGEST: Final = 65_536
"""Characters of a text that are read; what stands behind them is not seen."""

DEEPEST: Final = 16
WIDEST: Final = 2_000
"""How far into a nested value is looked, and at how many of its parts."""

SHORTEST_KEY: Final = 32
"""Bytes of a key."""

Missing = Literal["no key", "bad key", "too long"]


@dataclass(frozen=True, slots=True)
class Key:
    """A fingerprint key with the name of its epoch; two epochs never match each other."""

    secret: bytes
    epoch: str

    def __repr__(self) -> str:
        return f"Key(epoch={self.epoch!r})"


@dataclass(frozen=True, slots=True)
class Values:
    """The fingerprints of one direction of a call."""

    numbers: tuple[str, ...]
    dropped: int
    cut: bool


_lock = threading.RLock()
_read: dict[tuple[str, str], Key | Missing] = {}


def key() -> Key | Missing:
    """The key of this process, or why there is none; a key that cannot be used is warned about."""
    said = settings.FINGERPRINT_KEY.text(), settings.FINGERPRINT_KEY_FILE.text()
    known = _read.get(said)
    if known is not None:
        return known
    with _lock:
        if said not in _read:
            _read[said] = _key(*said)
        return _read[said]


def parse_key(text: str) -> Key | None:
    """The key that a text holds: at least 32 bytes as hexadecimal digits."""
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        return None
    if len(secret) < SHORTEST_KEY:
        return None
    return Key(secret, hmac.digest(secret, b"epoch", hashlib.sha256)[:4].hex())


def of_text(key: Key, text: str) -> Values:
    """The fingerprints of the identifiers in a text, JSON or not."""
    found = identifiers.find(unescaped(text[:LONGEST]))
    taken = identifiers.fingerprints(key.secret, found[:MOST])
    return Values(
        tuple(str(number) for number in taken), max(0, len(found) - MOST), len(text) > LONGEST
    )


def of_arguments(key: Key, text: str) -> Values:
    """The fingerprints of a tool's arguments as an attribute holds them."""
    if len(text) > LONGEST:
        return of_text(key, text)  # too long to be taken apart
    return of_text(key, conventions.unwrapped(text))


def of_object(key: Key, value: object) -> Values:
    """The fingerprints of the identifiers in any Python value."""
    text, cut = text_of(value)
    values = of_text(key, text)
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


def unescaped(json: str) -> str:
    """JSON as plain text; `sql/functions/partywall_unescaped.sql` is the same."""
    if "\\" not in json:
        return json
    return identifiers.unescape(json)


def text_of(value: object) -> tuple[str, bool]:
    """The texts in a value, a line each, and whether some were left out. It calls nothing of it."""
    parts: list[str] = []
    room, width, cut = LONGEST, WIDEST, False
    seen: set[int] = set()
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        text = _scalar(item)
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


def _key(text: str, file: str) -> Key | Missing:
    if not text and not file:
        log.info(
            "no fingerprint key: calls carry no fingerprints, which is recorded on them; set "
            "%s or %s (said once)",
            settings.FINGERPRINT_KEY.name,
            settings.FINGERPRINT_KEY_FILE.name,
        )
        return "no key"
    source = settings.FINGERPRINT_KEY.name if text else settings.FINGERPRINT_KEY_FILE.name
    if not text:
        try:
            text = Path(file).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            log.warning("%s: the file cannot be read (%s)", source, type(error).__name__)
            return "bad key"
    found = parse_key(text)
    if found is None:
        log.warning(
            "%s holds no key of at least 32 bytes as hexadecimal digits: calls carry no "
            "fingerprints, which is recorded on them; take the fingerprint.key of the store, or "
            "make one with `openssl rand -hex 32` (said once)",
            source,
        )
        return "bad key"
    return found


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
