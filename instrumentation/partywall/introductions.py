"""Who a result brings in, and by which words it is told whether a request pointed there.

These are the facts by which a foreign party is judged. They are keyed fingerprints and hashes,
taken in the process, so that no content has to leave it. The collector takes the same facts in
`sql/functions/partywall_introductions.sql` from spans that carry content; a test compares the two.
"""

import re
import struct
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby, islice, repeat
from operator import itemgetter
from typing import Final, Literal, NamedTuple

from partywall import attributes, identifiers
from partywall.identifiers import Identifier, Kinds
from partywall.passages import Passage, passages, strings
from partywall.remembered import LONGEST, SHORT, TEXTS, Found, identifiers_in, in_quotes
from partywall.terms import Hasher, cut, encoded, lower

MOST: Final = 128
"""Introductions of one result; further ones are counted."""

MOST_RECORD_TERMS: Final = 256
MOST_ARGUMENT_TERMS: Final = 64
MOST_NAMES: Final = 64
"""Capitalised words of running text that may be names."""

Rank = Literal["inside", "scalar", "outsider", "text"]
"""Where somebody stands: in a field that only the tenant or its provider writes, in a field of
which that is not known, in one that outsiders write, inside a text."""

_UNKNOWN: Final[Mapping[str, Found]] = {}
_TYPED = re.compile(r"[@.]|[0-9]{2}")
_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9._-]{1,31}|[A-Z][a-z]+(?: [A-Z][a-z]+){1,2})\Z")
_NOT_NAMES = frozenset(("true", "false", "null", "none"))
_CAPITALISED = re.compile(r"\b[A-Z][a-z]{2,20}\b", re.ASCII)
_WITH_NAME = re.compile(r"[^<>\n]{0,64}<[^<> \n]+>\Z")
_BLANK = re.compile(r"[ \t\r\n]")


class Writers(NamedTuple):
    """Which fields of a tool's records an outsider writes, as the registry says.

    `*` among the outsiders' is every field that is not one of the others'.
    """

    outsiders: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    def rank(self, field: str) -> Rank:
        """The rank of a field's value."""
        if not self.outsiders:
            return "scalar"
        outside = field in self.outsiders or ("*" in self.outsiders and field not in self.others)
        return "outsider" if outside else "inside"


NOBODY: Final = Writers()


Introduction = tuple[int, Rank, str, str]
"""Somebody whom a record brings in, as (record, rank, kind, value)."""

Own = frozenset[tuple[str, str]]
"""What the arguments of a call carry, as (kind, value): an echo of it introduces nobody."""


def own(arguments: str) -> Own:
    """What a call says itself: the identifiers in its arguments, and each of its strings."""
    return _own(identifiers.in_force(), arguments)


@lru_cache(maxsize=TEXTS)
def _own(_kinds: Kinds, arguments: str) -> Own:
    named = (("user", lower(text)) for text in strings(arguments))
    return frozenset((*identifiers_in(identifiers.unescape(arguments)), *named))


def argument_terms(key: bytes, arguments: str) -> list[bytes]:
    """Hashes of the words in the short arguments, and `=word` of each that is one word."""
    found: dict[bytes, None] = {}
    kinds, hasher = identifiers.in_force(), _hasher(key)
    for value in strings(arguments):
        if 3 <= len(text := encoded(value)) <= 128:
            lowered = text.lower()
            words = (lowered, b"=" + lowered, *cut(text))
            named = [encoded(one.value) for one in kinds.find(value)]
            found |= dict.fromkeys(hasher.packed((*words, *named)))
            if len(found) >= MOST_ARGUMENT_TERMS:
                break
    return list(found)[:MOST_ARGUMENT_TERMS]


def introductions(
    said: Sequence[Passage], quoted: Mapping[str, Found], writers: Writers = NOBODY
) -> list[Introduction]:
    """Whom a result names: typed identifiers, then names of fields, then names in texts.

    `quoted` holds the identifiers of those passages that have been searched before.
    """
    found: dict[Introduction, None] = {}
    named: dict[Introduction, None] = {}
    capitalised: dict[Introduction, None] = {}
    kinds = identifiers.in_force()
    rank: Rank = "scalar"
    for record, whole, text, field in said:
        if writers.outsiders:
            rank = writers.rank(field)
        typed = quoted.get(text)
        if typed is None:
            typed = (_typed if len(text) <= SHORT else _find_typed)(kinds, text)
        elif typed and not _TYPED.search(text):
            typed = ()
        for one in typed:
            is_value = whole and _is_whole(text, one)
            found[record, rank if is_value else "text", one.kind, one.value] = None
        if whole:
            if _NAME.match(text) and (name := lower(text)) not in _NOT_NAMES:
                named[record, rank, "user", name] = None
            if len(text) <= 32 and (text.isascii() or _size(text) <= 32):
                continue  # a short field is a name or none
        if len(capitalised) < MOST_NAMES:
            for other in _CAPITALISED.findall(text):
                capitalised[record, "text", "user", lower(other)] = None
    return list(found | named | dict.fromkeys(islice(capitalised, MOST_NAMES)))


def _find_typed(kinds: Kinds, text: str) -> Found:
    """The identifiers of a passage that could be those of somebody."""
    return tuple(kinds.find(text)) if _TYPED.search(text) else ()


_typed = lru_cache(maxsize=4096)(_find_typed)
"""Records have the same values again."""


def record_terms(
    key: bytes, said: Sequence[Passage], found: Iterable[Introduction]
) -> tuple[list[bytes], list[int]]:
    """Hashes of the words in the short values of the records that bring somebody in, and the
    record of each. The passages of a record stand together."""
    bring, hasher = {record for record, _rank, _kind, _value in found}, _hasher(key)
    terms: list[bytes] = []
    records: list[int] = []
    for record, passages_of in groupby(said, itemgetter(0)):
        if record not in bring:
            continue
        words: list[bytes] = []
        for _record, whole, text, _field in passages_of:
            if whole and len(text) <= 64 and 3 <= len(value := encoded(text)) <= 64:
                words.append(value.lower())
                words += cut(value)
        terms += hasher.packed(dict.fromkeys(words))
        records += [record] * (len(terms) - len(records))
        if len(terms) >= MOST_RECORD_TERMS:
            break
    return terms[:MOST_RECORD_TERMS], records[:MOST_RECORD_TERMS]


def argument_facts(key: bytes, arguments: str) -> dict[str, str | int]:
    """The attribute that carries the terms of a call's arguments, a JSON text."""
    terms = argument_terms(key, arguments)
    return {attributes.ARGUMENT_TERMS: _packed(*terms)} if terms else {}


def result_facts(
    key: bytes, arguments: str, result: str, writers: Writers = NOBODY
) -> dict[str, str | int]:
    """The attributes that carry whom a result brings in and the terms of its records.

    Of a long result the first `LONGEST` characters are read; JSON is JSON up to there.
    """
    read, is_cut = result[:LONGEST], len(result) > LONGEST
    return dict(_taken(key, identifiers.in_force(), own(arguments), writers, read, is_cut))


@lru_cache(maxsize=TEXTS)
def _taken(
    key: bytes, _kinds: Kinds, known: Own, writers: Writers, result: str, is_cut: bool
) -> Mapping[str, str | int]:
    said = passages(result, is_cut=is_cut)
    is_json = result.lstrip().startswith(("[", "{"))
    quoted = in_quotes(identifiers.unescape(result)) if is_json else _UNKNOWN
    found = [one for one in introductions(said, quoted, writers) if one[2:] not in known]
    if not found:
        return {}
    carried: dict[str, str | int] = {
        attributes.INTRODUCES: _packed_introductions(key, found[:MOST])
    }
    if len(found) > MOST:
        carried[attributes.INTRODUCES_DROPPED] = len(found) - MOST
    terms, records = record_terms(key, said, found)
    if terms:
        packed = struct.pack(f"<{len(records)}H", *records)
        carried[attributes.RECORD_TERMS] = _packed(*terms, packed)
    return carried


def _packed(*parts: bytes) -> str:
    return b64encode(b"".join(parts)).decode("ascii")


def _packed_introductions(key: bytes, found: Sequence[Introduction]) -> str:
    """`kind rank,kind rank:` and base64 of the fingerprints, the records, places in that list."""
    records, ranks, kinds, values = zip(*found, strict=True)
    forms = list(zip(kinds, ranks, strict=True))
    places = {form: place for place, form in enumerate(dict.fromkeys(forms), 1)}
    data = struct.pack(
        f"<{len(found)}Q{len(found)}H{len(found)}B",
        *map(identifiers.fingerprint, repeat(key), kinds, values),
        *records,
        *map(places.__getitem__, forms),
    )
    return f"{','.join(f'{kind} {rank}' for kind, rank in places)}:{_packed(data)}"


@lru_cache(maxsize=4)
def _hasher(key: bytes) -> Hasher:
    return Hasher(key)


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
