"""Terms of a text: its words as keyed 64-bit hashes, so that two texts compare without content.

`sql/functions` cuts and hashes the short values of calls in the same way. Words are cut at ASCII
delimiters only, which does for every script that has spaces.
"""

import hashlib
import hmac
import re
import struct
from collections.abc import Iterable

SHORTEST = 3
"""Bytes; what is shorter is no term."""

# A word with the marks that hold names together, then the parts between those marks.
JOINED = r"[^\x00-\x20!-,/:-@\[-^`{-~]+"
PARTS = r"[^\x00-\x20!-/:-@\[-`{-~]+"
MARKS = "-._"

_JOINED = re.compile(JOINED)
_PARTS = re.compile(PARTS)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_MASK = (1 << 64) - 1
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def lower(text: str) -> str:
    """Lower ASCII letters, as ClickHouse's `lower` does."""
    return text.translate(_LOWER)


def words(text: str) -> list[str]:
    """Return the distinct words of a text: joined ones ("team-minutes.docx"), then their parts."""
    text = lower(text)
    found = dict.fromkeys(word.strip(MARKS) for word in _JOINED.findall(text))
    found |= dict.fromkeys(_PARTS.findall(text))
    return [word for word in found if len(word.encode("utf-8", "surrogatepass")) >= SHORTEST]


class Hasher:
    """Hashes terms under a store's key."""

    def __init__(self, key: bytes) -> None:
        digest = hmac.digest(key, b"terms", hashlib.sha256)
        self._key: tuple[int, int] = struct.unpack("<QQ", digest[:16])

    def term(self, word: str) -> int:
        """Return the hash of one word."""
        return siphash(self._key, word.encode("utf-8", "surrogatepass"))

    def terms(self, words: Iterable[str]) -> tuple[int, ...]:
        """Return the distinct hashes of words, sorted, so that their order tells nothing."""
        return tuple(sorted({self.term(word) for word in words}))


def siphash(key: tuple[int, int], data: bytes) -> int:
    """SipHash-2-4, ClickHouse's `sipHash64Keyed`: a keyed hash made for short inputs."""
    v0, v1, v2, v3 = (start ^ key[index % 2] for index, start in enumerate(_START))
    end = len(data) & ~7
    blocks = [int.from_bytes(data[at : at + 8], "little") for at in range(0, end, 8)]
    blocks.append(int.from_bytes(data[end:], "little") | (len(data) & 0xFF) << 56)
    for block in blocks:
        v3 ^= block
        v0, v1, v2, v3 = _round(*_round(v0, v1, v2, v3))
        v0 ^= block
    v2 ^= 0xFF
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = (v0 + v1) & _MASK
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = (v2 + v3) & _MASK
    v3 = _rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = _rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


def _rotate(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK
