"""Terms of a text: its words as keyed 64-bit hashes, so that two texts compare without content.

`sql/functions` cuts and hashes the short values of calls in the same way. Words are cut at ASCII
delimiters only, which does for every script that has spaces.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable

SHORTEST = 3
"""Bytes; what is shorter is no term."""

WORDS = 8192
"""Words whose hashes are remembered."""

# A word with the marks that hold names together, then the parts between those marks.
JOINED = r"[^\x00-\x20!-,/:-@\[-^`{-~]+"
PARTS = r"[^\x00-\x20!-/:-@\[-`{-~]+"
MARKS = "-._"

_TOO_SHORT = 0
_JOINED = re.compile(JOINED)
_PARTS = re.compile(PARTS)
_MARK = re.compile(f"[{MARKS}]")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def lower(text: str) -> str:
    """Lower ASCII letters, as ClickHouse's `lower` does."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def words(text: str) -> list[str]:
    """Return the distinct words of a text: joined ones ("team-minutes.docx"), then their parts."""
    found = list(map(_cut, _JOINED.findall(lower(text))))
    wholes = (whole for whole, _ in found if whole)
    return list(dict.fromkeys((*wholes, *(part for _, parts in found for part in parts))))


def _cut(joined: str) -> tuple[str, list[str]]:
    """A word without marks around it, and its parts; what is too short for a term is left out."""
    whole = joined.strip(MARKS)
    parts: list[str] = _PARTS.findall(joined) if _MARK.search(joined) else []
    return whole if _is_long(whole) else "", list(filter(_is_long, parts))


def _is_long(word: str) -> bool:
    return len(word) >= SHORTEST or (
        not word.isascii() and len(word.encode("utf-8", "surrogatepass")) >= SHORTEST
    )


class Hasher:
    """Hashes terms under a store's key: the first 64 bits of SHA-256 over a secret and the word.

    The secret is derived from the key, so that no term is the fingerprint of an identifier. Of so
    short a part of the digest nothing can be extended, and a hash costs a third of an HMAC.
    """

    def __init__(self, key: bytes) -> None:
        self._secret = hmac.digest(key, b"terms", hashlib.sha256)
        self._known: dict[str, tuple[int, ...]] = {}

    def term(self, word: str) -> int:
        """Return the hash of one word."""
        return _term(self._secret, word)

    def terms(self, words: Iterable[str]) -> tuple[int, ...]:
        """Return the distinct hashes of words, sorted, so that their order tells nothing."""
        return tuple(sorted({self.term(word) for word in words}))

    def of_words(self, text: str) -> list[int]:
        """Return the hashes of `words(text)`; those of each word are remembered."""
        found: dict[int, None] = {}
        parts: list[int] = []
        for word in _JOINED.findall(lower(text)):
            hashes = self._known.get(word) or self._learn(word)
            found[hashes[0]] = None
            if len(hashes) > 1:
                parts += hashes[1:]
        if parts:
            found |= dict.fromkeys(parts)
        found.pop(_TOO_SHORT, None)
        return list(found)

    def _learn(self, joined: str) -> tuple[int, ...]:
        """The hash of a word without marks around it, then those of its parts."""
        if len(self._known) >= WORDS:
            self._known.clear()
        whole, parts = _cut(joined)
        hashes = (self.term(whole) if whole else _TOO_SHORT, *map(self.term, parts))
        self._known[joined] = hashes
        return hashes


def _term(secret: bytes, word: str) -> int:
    digest = hashlib.sha256(secret + word.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little")
