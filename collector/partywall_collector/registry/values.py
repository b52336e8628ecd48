"""Reads the values of a registry entry; each form has one reader, which says what is wrong."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from partywall import identifiers
from partywall_collector.issuer_keys import BadKey, public_keys
from partywall_collector.registry.document import Items, Keys, Node, Scalar
from partywall_collector.registry.model import FOREVER
from partywall_collector.registry.patterns import BadPattern, compile_pattern
from partywall_collector.registry.schema import FINGERPRINT, Form, Slot

TEXT_LIMIT = 4096
REQUEST_LIMIT = 256 << 10
SPIFFE_LIMIT = 2048
"""As in the SPIFFE ID specification, which the form of an id follows too."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Say = Callable[[int, str, str], None]
"""Notes a mistake: line, place inside the value (`[2].kind`), what is wrong."""

_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?")
_SPIFFE_ID = re.compile(r"spiffe://[a-z0-9._-]+(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ARGUMENT = re.compile(r"\{[^{}]+\}")
_PLACE = re.compile(r"\{[^{}]*\}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def read_value(slot: Slot, node: Node, say: Say) -> Any:
    """Return the value of a key as the record holds it; None after a mistake."""
    return _READERS[slot.form](slot, node, say)


def read_text(node: Node, say: Say, inside: str = "", limit: int = TEXT_LIMIT) -> str | None:
    """Return text as it was written; numbers are taken as written too."""
    match node:
        case Scalar(type="empty") | Scalar(text=""):
            say(node.line, inside, "is empty; give it a value or leave the key out")
        case Scalar(type="text" | "number") if _UNSTORABLE.search(node.text):
            say(node.line, inside, "holds a character that is no text (NUL or a lone surrogate)")
        case Scalar(type="text" | "number") if len(node.text) > limit:
            say(node.line, inside, f"longer than {limit} characters")
        case Scalar(type="text" | "number"):
            return node.text
        case Scalar():
            say(node.line, inside, f"expected text, got {node.text}; put it in quotes")
        case Items():
            say(node.line, inside, "expected text, got a list")
        case Keys():
            say(node.line, inside, "expected text, got a mapping")
    return None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, which one was meant perhaps, and which there are."""
    known = list(known)
    meant = close_to(name, known)
    names = f" Known: {', '.join(known)}" if meant else f"; known: {', '.join(known)}"
    return f"unknown {what} '{name[:80]}'{meant}{names}"


def close_to(name: str, known: Iterable[str]) -> str:
    """Say which known name was meant perhaps."""
    lowered = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name[:80].lower(), lowered, n=1)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""


def _text(slot: Slot, node: Node, say: Say) -> str | None:
    text = read_text(node, say)
    if text is not None and slot.choices and text not in slot.choices:
        say(node.line, "", unknown(slot.key.rpartition(".")[2], text, slot.choices))
        return None
    return text


def _list(node: Node, say: Say) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Items):
        for index, item in enumerate(node.items):
            yield f"[{index}]", item
    elif isinstance(node, Scalar) and node.type != "empty":
        say(node.line, "", f"expected a list; write [{node.text}]")
    else:
        say(node.line, "", "expected a list")


def _names(slot: Slot, node: Node, say: Say) -> tuple[str, ...]:
    texts: list[str] = []
    for inside, item in _list(node, say):
        text = read_text(item, say, inside)
        if text is not None and slot.choices and text not in slot.choices:
            say(item.line, inside, unknown("value", text, slot.choices))
        elif text is not None:
            texts.append(text)
    return tuple(texts)


def _flag(slot: Slot, node: Node, say: Say) -> bool | None:
    if isinstance(node, Scalar) and node.type == "flag":
        return node.text.lower() in ("true", "yes", "on", "y")
    say(node.line, "", "expected true or false")
    return None


def _days(slot: Slot, node: Node, say: Say) -> int | None:
    if isinstance(node, Scalar) and re.fullmatch(r"[0-9]{1,5}", node.text) and int(node.text):
        return int(node.text)
    say(node.line, "", "expected a whole number of days from 1 to 99999; leave it out for no end")
    return None


def _count(slot: Slot, node: Node, say: Say) -> int | None:
    if isinstance(node, Scalar) and re.fullmatch(r"[0-9]{1,9}", node.text) and int(node.text):
        return int(node.text)
    say(node.line, "", "expected a whole number from 1 to 999999999; leave it out for no limit")
    return None


def _time(slot: Slot, node: Node, say: Say) -> datetime | None:
    text = read_text(node, say)
    if text is None:
        return None
    try:
        time = _moment(text)
    except OverflowError:
        time = None
    except ValueError:
        say(
            node.line,
            "",
            f"'{text[:40]}' is no time; write 2026-01-31T09:00:00Z, or the seconds since 1970",
        )
        return None
    if time is None or not EPOCH <= time <= FOREVER:
        say(
            node.line, "", f"'{text[:40]}' is not between {EPOCH.year} and {FOREVER.year} (seconds)"
        )
        return None
    return time


def _moment(text: str) -> datetime:
    """Read seconds or ISO 8601; a time without an offset is UTC."""
    if _NUMBER.fullmatch(text):
        return EPOCH + timedelta(seconds=float(text))
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def read_pattern(node: Node, say: Say, inside: str = "", prefix: str = "") -> str | None:
    """Return the pattern if it can be used."""
    text = read_text(node, say, inside)
    if text is None:
        return None
    try:
        compile_pattern(prefix + text)
    except BadPattern as error:
        say(node.line, inside, f"'{text[:80]}': {error}")
        return None
    return prefix + text


def _pattern(slot: Slot, node: Node, say: Say) -> str | None:
    return read_pattern(node, say)


def _patterns(slot: Slot, node: Node, say: Say) -> tuple[str, ...]:
    texts = [read_pattern(item, say, inside) for inside, item in _list(node, say)]
    return tuple(text for text in texts if text is not None)


def _templates(slot: Slot, node: Node, say: Say) -> tuple[str, ...]:
    texts: list[str] = []
    for inside, item in _list(node, say):
        text = read_text(item, say, inside)
        if text is None:
            continue
        if re.search(r"[{}]", _ARGUMENT.sub("", text)):
            say(item.line, inside, f"'{text[:80]}': write an argument as {{name}}")
        texts.append(text)
    return tuple(texts)


def _operation(slot: Slot, node: Node, say: Say) -> str | None:
    text = read_text(node, say)
    if text is not None and re.search(r"[{}]", text) and not _ARGUMENT.fullmatch(text):
        say(node.line, "", f"'{text[:80]}': an operation is one word, or one argument: {{op}}")
        return None
    return text


def _digest(slot: Slot, node: Node, say: Say) -> str | None:
    text = read_text(node, say)
    if text is None:
        return None
    if not _DIGEST.fullmatch(text.lower()):
        say(node.line, "", "expected the SHA-256 of a token, 64 hex digits")
        return None
    return text.lower()


def _public_key(slot: Slot, node: Node, say: Say) -> str | None:
    text = read_text(node, say)
    if text is None:
        return None
    try:
        public_keys(text)
    except BadKey as error:
        say(node.line, "", str(error))
        return None
    return text.strip()


def _spiffe_id(slot: Slot, node: Node, say: Say) -> str | None:
    text = read_text(node, say, limit=SPIFFE_LIMIT)
    if text is not None and not _SPIFFE_ID.fullmatch(text):
        say(node.line, "", f"'{text[:80]}' is no SPIFFE ID; write spiffe://trust-domain/path")
        return None
    return text


def _identifiers(slot: Slot, node: Node, say: Say) -> tuple[tuple[str, str], ...]:
    found: dict[tuple[str, str], None] = {}
    for inside, item in _list(node, say):
        if not isinstance(item, Keys) or set(item.keys) != {"kind", "value"}:
            say(item.line, inside, "expected {kind: ..., value: ...}")
            continue
        kind = read_text(item.keys["kind"], say, f"{inside}.kind")
        value = read_text(item.keys["value"], say, f"{inside}.value")
        if kind is not None and value is not None:
            found[kind, identifiers.normalise(kind, value)] = None
    return tuple(found)


def _request(slot: Slot, node: Node, say: Say) -> str | None:
    return read_text(node, say, limit=REQUEST_LIMIT)


def _planted(slot: Slot, node: Node, say: Say) -> str | tuple[int, ...] | None:
    """The value itself, or the fingerprints of one."""
    text = read_text(node, say)
    if text is None or not text.startswith(FINGERPRINT):
        return text
    numbers = text.removeprefix(FINGERPRINT).split()
    if not numbers or not all(_FINGERPRINT.fullmatch(number) for number in numbers):
        say(node.line, "", f"write 16 hex digits behind {FINGERPRINT}, a blank between two")
        return None
    return tuple(sorted({int(number, 16) for number in numbers}))


_READERS: dict[Form, Callable[[Slot, Node, Say], Any]] = {
    Form.TEXT: _text,
    Form.NAMES: _names,
    Form.FLAG: _flag,
    Form.TIME: _time,
    Form.DAYS: _days,
    Form.COUNT: _count,
    Form.TENANT: _text,
    Form.GRANTEE: _text,
    Form.TENANTS: _names,
    Form.PATTERN: _pattern,
    Form.PATTERNS: _patterns,
    Form.TEMPLATES: _templates,
    Form.OPERATION: _operation,
    Form.DIGEST: _digest,
    Form.PUBLIC_KEY: _public_key,
    Form.SPIFFE_ID: _spiffe_id,
    Form.IDENTIFIERS: _identifiers,
    Form.REQUEST: _request,
    Form.PLANTED: _planted,
}
