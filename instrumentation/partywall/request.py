"""Reads a request's text once: what it names, at what it points, whether it asks to reach somebody.

The facts are kept with the session and are enough to judge who introduced a party; the text is
not kept. What it names is kept in plain, because an analyst must see it; all other words are keyed
hashes.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from partywall.actions import POLITE, REACH, STOP, THINGS
from partywall.identifiers import BUILT_IN, Identifier, Kinds
from partywall.terms import SHORTEST, Hasher, lower, words

ITEMS = 32
"""A request that lists more than so many parts is read as one."""

TERMS = 512
"""A part keeps at most so many words."""

_NUMBER = re.compile(r"(?:^|(?<=\s))(\d{1,2})[.)]\s+(?=\S)")
_QUOTED = re.compile(
    r"(?:^|(?<=[\s(:]))'([^'\n]{2,80})'|\"([^\"\n]{2,80})\"|[“„]([^“”\n]{2,80})[”“]"
)
_CAPITALISED = re.compile(r"(?<![.!?:] )(?<!^)\b([A-Z][A-Za-z]{2,})\b")
_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_WORDED_DATE = re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})\b")
_REACH = re.compile(rf"(?i)(?<![a-z-])(?:{'|'.join(REACH)})(?![a-z])")
_THINGS = re.compile(rf"(?i)(?<![a-z-])(?:{'|'.join(THINGS)})(?![a-z])")
_POLITE = re.compile(rf"(?i)\b(?:{'|'.join(POLITE)})\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a request.

    `names` are hashes of what points by itself: quoted phrases, file names, dates, identifiers and
    capitalised words. `words` are hashes of all words that mean something, `single` the same for
    comparison with an argument that is one word. `reaches` says that it asks in so many words for
    something that reaches somebody, `only_asks` that it is a mere question.
    """

    named: tuple[Identifier, ...]
    names: frozenset[int]
    words: frozenset[int]
    single: frozenset[int]
    reaches: bool
    only_asks: bool


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is kept of a request's text, and the parties that its record names beside the text."""

    items: tuple[Item, ...]
    listed: tuple[Identifier, ...] = ()

    @property
    def named(self) -> tuple[Identifier, ...]:
        """The identifiers that the request names, once each."""
        found = (found for item in self.items for found in item.named)
        return tuple(dict.fromkeys((*found, *self.listed)))

    def to_json(self) -> str:
        """Return the facts as the session's row holds them."""
        items = [
            {
                "named": [[found.kind, found.value] for found in item.named],
                "names": sorted(item.names),
                "words": sorted(item.words),
                "single": sorted(item.single),
                "reaches": item.reaches,
                "only_asks": item.only_asks,
            }
            for item in self.items
        ]
        return json.dumps({"items": items}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Read the facts of a session's row; None if its request was never recorded."""
        facts: dict[str, Any] = json.loads(text or "{}")
        if "items" not in facts:
            return None
        return cls(
            tuple(
                Item(
                    named=tuple(Identifier(kind, value) for kind, value in item["named"]),
                    names=frozenset(item["names"]),
                    words=frozenset(item["words"]),
                    single=frozenset(item["single"]),
                    reaches=item["reaches"],
                    only_asks=item["only_asks"],
                )
                for item in facts["items"]
            )
        )


def claimed(text: str) -> RequestFacts | None:
    """The facts that an agent says of its request; None for what is not of their form."""
    try:
        facts = RequestFacts.from_json(text)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
    return (
        facts if facts and len(facts.items) <= ITEMS and all(map(_is_item, facts.items)) else None
    )


def _is_item(item: Item) -> bool:
    named = (text for found in item.named for text in found)
    terms = (term for terms in (item.names, item.words, item.single) for term in terms)
    return (
        all(type(text) is str for text in named)
        and all(type(term) is int for term in terms)
        and type(item.reaches) is type(item.only_asks) is bool
    )


def read_request(text: str, *keys: bytes, kinds: Kinds = BUILT_IN) -> RequestFacts:
    """Read a request's text under the keys of the store's fingerprints that are in force.

    `kinds` are the identifiers that the store looks for.
    """
    hashers = [Hasher(key) for key in keys]
    return RequestFacts(tuple(_item(part, hashers, kinds) for part in parts(text)))


def parts(text: str) -> list[str]:
    """Split a request at its numbers "1." or "2)"; they must count up from 1."""
    marks = list(_NUMBER.finditer(text))
    if not 2 <= len(marks) <= ITEMS or [int(mark[1]) for mark in marks] != list(
        range(1, len(marks) + 1)
    ):
        return [text]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]


def _item(text: str, hashers: Sequence[Hasher], kinds: Kinds) -> Item:
    named = tuple(kinds.find(text))
    quoted = [lower(next(filter(None, found))) for found in _QUOTED.findall(text)]
    names = [*quoted, *_dates(text), *(found.value for found in named)]
    names += [word for phrase in quoted if len(words(phrase)) == 1 for word in words(phrase)]
    names += [lower(word) for word in _CAPITALISED.findall(text)]
    meant = [
        word
        for word in words(_without_addresses(text))
        if word not in STOP and not _is_small_number(word)
    ]
    only_asks = _only_asks(text)
    return Item(
        named=named,
        names=_hashes(hashers, _kept(names)),
        words=_hashes(hashers, _kept(meant)),
        single=_hashes(hashers, [f"={word}" for word in _kept(meant)]),
        reaches=bool(_REACH.search(_THINGS.sub(" ", text))) and not only_asks,
        only_asks=only_asks,
    )


def _hashes(hashers: Iterable[Hasher], terms: Sequence[str]) -> frozenset[int]:
    return frozenset(term for hasher in hashers for term in hasher.terms(terms))


def _only_asks(text: str) -> bool:
    sentences = [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]
    return all(sentence.endswith("?") for sentence in sentences) and not _POLITE.search(text)


def _without_addresses(text: str) -> str:
    """Blank out mailboxes and links: parts of them ("www", a mail provider) say nothing.

    A bare dotted name stays, for it may be a file.
    """
    for found, start, end in BUILT_IN.spans(text):
        if found.kind == "email" or (found.kind == "url" and found.value != lower(text[start:end])):
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def _kept(found: Iterable[str]) -> list[str]:
    return [
        word
        for word in dict.fromkeys(found)
        if len(word.encode("utf-8", "surrogatepass")) >= SHORTEST and word not in STOP
    ][:TERMS]


def _is_small_number(word: str) -> bool:
    return word.isdigit() and len(word) < 5


def _dates(text: str) -> list[str]:
    dates = _ISO_DATE.findall(text)
    for found in _WORDED_DATE.finditer(text):
        month = _MONTHS.index(lower(found["month"])) + 1
        dates.append(f"{found['year']}-{month:02d}-{int(found['day']):02d}")
    return dates
