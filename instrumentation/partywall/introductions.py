"""Who a result brings in, and by which words it is told whether a request pointed there.

These are the facts by which a foreign party is judged. They are keyed fingerprints and hashes,
taken in the process, so that no content has to leave it. The collector takes the same facts in
`sql/functions/partywall_introductions.sql` from spans that carry content; a test compares the two.
"""

import re
import struct
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from partywall import attributes, identifiers
from partywall.identifiers import Identifier
from partywall.passages import Passage, passages, strings
from partywall.terms import Hasher, lower, words

MOST: Final = 128
"""Introductions of one result; further ones are counted."""

MOST_RECORD_TERMS: Final = 256
MOST_ARGUMENT_TERMS: Final = 64
MOST_NAMES: Final = 64
"""Capitalised words of running text that may be names."""

Rank = Literal["scalar", "text"]

_TYPED = re.compile(r"[@.]|[0-9]{2}")
_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9._-]{1,31}|[A-Z][a-z]+(?: [A-Z][a-z]+){1,2})\Z")
_NOT_NAMES = frozenset(("true", "false", "null", "none"))
_CAPITALISED = re.compile(r"\b[A-Z][a-z]{2,20}\b", re.ASCII)
_WITH_NAME = re.compile(r"[^<>\n]{0,64}<[^<> \n]+>\Z")
_BLANK = re.compile(r"[ \t\r\n]")


class Introduction(NamedTuple):
    """Somebody whom a record brings in: all that a field holds (`scalar`), or inside a text."""

    record: int
    rank: Rank
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Own:
    """What the arguments of a call carry themselves: an echo of it introduces nobody."""

    identifiers: frozenset[Identifier]
    names: frozenset[str]


def own(found: Iterable[Identifier], arguments: str) -> Own:
    """What a call says itself: the identifiers found in its arguments, and its strings."""
    return Own(frozenset(found), frozenset(lower(text) for text in strings(arguments)))


def argument_terms(hasher: Hasher, arguments: str) -> list[int]:
    """Hashes of the words in the short arguments, and `=word` of each that is one word."""
    found: dict[str, None] = {}
    for value in strings(arguments):
        if not 3 <= _size(value) <= 128:
            continue
        lowered = lower(value)
        found[lowered] = found[f"={lowered}"] = None
        found |= dict.fromkeys(words(value))
        found |= dict.fromkeys(one.value for one in identifiers.find(value))
        if len(found) >= MOST_ARGUMENT_TERMS:
            break
    return [hasher.term(word) for word in list(found)[:MOST_ARGUMENT_TERMS]]


def introductions(said: Sequence[Passage], known: Own) -> list[Introduction]:
    """Who a result brings in: typed identifiers, then names of fields, then names in texts."""
    found: dict[Introduction, None] = {}
    for record, whole, text in said:
        for one in _identifiers(text):
            is_whole = whole and _is_whole(text, one)
            found[Introduction(record, "scalar" if is_whole else "text", one.kind, one.value)] = (
                None
            )
    for record, whole, text in said:
        if whole and _NAME.match(text) and lower(text) not in _NOT_NAMES:
            found[Introduction(record, "scalar", "user", lower(text))] = None
    named: dict[Introduction, None] = {}
    for record, whole, text in said:
        if whole and _size(text) <= 32:
            continue
        for name in _CAPITALISED.findall(text):
            named[Introduction(record, "text", "user", lower(name))] = None
        if len(named) >= MOST_NAMES:
            break
    found |= dict.fromkeys(list(named)[:MOST_NAMES])
    return [
        one
        for one in found
        if Identifier(one.kind, one.value) not in known.identifiers
        and not (one.kind == "user" and one.value in known.names)
    ]


def record_terms(
    hasher: Hasher, said: Sequence[Passage], found: Iterable[Introduction]
) -> list[tuple[int, int]]:
    """Hashes of the words in the short values of the records that bring somebody in."""
    records = {one.record for one in found}
    terms: dict[tuple[int, str], None] = {}
    for record, whole, text in said:
        if whole and record in records and 3 <= _size(text) <= 64:
            terms |= dict.fromkeys((record, word) for word in (lower(text), *words(text)))
            if len(terms) >= MOST_RECORD_TERMS:
                break
    return [(record, hasher.term(word)) for record, word in list(terms)[:MOST_RECORD_TERMS]]


def argument_facts(key: bytes, arguments: str) -> dict[str, str | int]:
    """The attribute that carries the terms of a call's arguments, a JSON text."""
    terms = argument_terms(_hasher(key), arguments)
    return {attributes.ARGUMENT_TERMS: _packed(terms)} if terms else {}


def result_facts(key: bytes, arguments: str, result: str) -> dict[str, str | int]:
    """The attributes that carry whom a result brings in and the terms of its records."""
    said = passages(result)
    known = own(identifiers.find(identifiers.unescape(arguments)), arguments)
    found = introductions(said, known)
    if not found:
        return {}
    carried: dict[str, str | int] = {
        attributes.INTRODUCES: _packed_introductions(key, found[:MOST])
    }
    if len(found) > MOST:
        carried[attributes.INTRODUCES_DROPPED] = len(found) - MOST
    if terms := record_terms(_hasher(key), said, found):
        carried[attributes.RECORD_TERMS] = _packed(
            [term for _, term in terms], [record for record, _ in terms]
        )
    return carried


def _packed(numbers: Sequence[int], records: Sequence[int] = ()) -> str:
    """64-bit numbers, then the 16-bit record of each, little-endian, as base64."""
    data = struct.pack(f"<{len(numbers)}Q{len(records)}H", *numbers, *records)
    return b64encode(data).decode("ascii")


def _packed_introductions(key: bytes, found: Sequence[Introduction]) -> str:
    """`kind rank,kind rank:` and base64 of the fingerprints, the records, places in that list."""
    forms = list(dict.fromkeys((one.kind, one.rank) for one in found))
    values = [identifiers.fingerprint(key, one.kind, one.value) for one in found]
    data = struct.pack(
        f"<{len(found)}Q{len(found)}H{len(found)}B",
        *values,
        *(one.record for one in found),
        *(forms.index((one.kind, one.rank)) + 1 for one in found),
    )
    names = ",".join(f"{kind} {rank}" for kind, rank in forms)
    return f"{names}:{b64encode(data).decode('ascii')}"


@lru_cache(maxsize=4)
def _hasher(key: bytes) -> Hasher:
    return Hasher(key)


def _identifiers(text: str) -> list[Identifier]:
    return identifiers.find(text) if _TYPED.search(text) else []


def _is_whole(field: str, found: Identifier) -> bool:
    """Whether an identifier is all that a field holds, or all but a display name before it."""
    return 0 < _size(field) <= 256 and (
        not _BLANK.search(field)
        or identifiers.normalise(found.kind, field) == found.value
        or _WITH_NAME.match(field) is not None
    )


def _size(text: str) -> int:
    """Bytes, as ClickHouse counts."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
