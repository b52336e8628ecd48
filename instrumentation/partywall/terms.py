"""Terms of a text: its words as keyed 64-bit hashes, so that two texts compare without content.

`sql/functions` cuts and hashes the short values of calls in the same way. Words are cut at ASCII
delimiters only, which does for every script that has spaces: so they are cut as UTF-8, where a
byte is a delimiter, a mark or part of a word.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Final

SHORTEST: Final = 3
"""Bytes; what is shorter is no term."""

WORDS: Final = 4096
"""Words whose hashes are remembered."""

MARKS: Final = b"-._"
"""They hold the parts of a name together: "team-minutes.docx"."""

_UPPER: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER: Final = b"abcdefghijklmnopqrstuvwxyz"
_DELIMITERS: Final = bytes(
    byte for byte in range(0x7F) if not chr(byte).isalnum() and byte not in MARKS
)
_JOINED: Final = bytes.maketrans(_UPPER + _DELIMITERS, _LOWER + b" " * len(_DELIMITERS))
"""Lowers and makes a blank of each delimiter."""

_LOWERED: Final = str.maketrans(_UPPER.decode(), _LOWER.decode())
_PARTS: Final = bytes.maketrans(MARKS, b" " * len(MARKS))


def encoded(text: str) -> bytes:
    """The bytes that are hashed."""
    return text.encode("utf-8", "surrogatepass")


def lower(text: str) -> str:
    """Lower ASCII letters, as ClickHouse's `lower` does."""
    return text.lower() if text.isascii() else text.translate(_LOWERED)


def words(text: str) -> list[str]:
    """Return the distinct words of a text: joined ones ("team-minutes.docx"), then their parts."""
    return [
        word.decode("utf-8", "surrogatepass")
        for word in dict.fromkeys(cut(encoded(text)))
        if len(word) >= SHORTEST
    ]


def cut(text: bytes) -> list[bytes]:
    """Words without marks around them, then the parts between marks.

    Some stand twice, and some are too short for a term.
    """
    spaced = text.translate(_JOINED)
    parts = spaced.translate(_PARTS)
    if parts == spaced:
        return spaced.split()  # the only part of a word without marks is the word itself
    return [*[joined.strip(MARKS) for joined in spaced.split()], *parts.split()]


class _Hashes(dict[bytes, bytes]):
    """The hashes of words, 8 bytes of each, little-endian; one that is missing is made."""

    def __init__(self, key: bytes) -> None:
        self._begun = hashlib.sha256(hmac.digest(key, b"terms", hashlib.sha256)).copy

    def of(self, word: bytes) -> bytes:
        """Return the hash of a word that is not remembered."""
        hashed = self._begun()
        hashed.update(word)
        return hashed.digest()[:8]

    def __missing__(self, word: bytes) -> bytes:
        hashed = self._begun()
        hashed.update(word)
        self[word] = term = hashed.digest()[:8]
        return term


class Hasher:
    """Hashes terms under a store's key: the first 64 bits of SHA-256 over a secret and the word.

    The secret is derived from the key, so that no term is the fingerprint of an identifier. Of so
    short a part of the digest nothing can be extended, and a hash costs a third of an HMAC.
    """

    def __init__(self, key: bytes) -> None:
        self._known = _Hashes(key)

    def term(self, word: str) -> int:
        """Return the hash of one word."""
        return int.from_bytes(self._known.of(encoded(word)), "little")

    def terms(self, words: Iterable[str]) -> tuple[int, ...]:
        """Return the distinct hashes of words, sorted, so that their order tells nothing."""
        return tuple(sorted({self.term(word) for word in words}))

    def packed(self, words: Iterable[bytes]) -> Iterator[bytes]:
        """Return the hashes of those short words that are long enough for a term, 8 bytes of each.

        They are remembered until there are `WORDS`.
        """
        if len(self._known) > WORDS:
            self._known.clear()
        return map(self._known.__getitem__, [word for word in words if len(word) >= SHORTEST])
