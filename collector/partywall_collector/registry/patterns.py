"""Globs and safe regular expressions, and the search for the most specific one that matches.

Python's `re` can take exponential time, and what is matched here comes from spans. So a regular
expression may only use what a linear-time engine could do as well, and the ways in which it can
match a subject are counted when it is read: more than `WAYS_LIMIT` is refused.
"""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

REGEX = "regex:"
"""A pattern that starts with this is a regular expression; any other is a glob."""

SUBJECT_LIMIT = 1024
"""Longer names match no pattern but an exact one. ClickHouse and S3 names end earlier."""

PATTERN_LIMIT = 1024
GROUPS_LIMIT = 50
WAYS_LIMIT = 8 * SUBJECT_LIMIT**2
"""Two open repeats (`.*x.*`) stay below it, which takes 0.1 s at the very worst; three do not."""

_GLOB = re.compile(r"[*?\[]")
_PLAIN_ESCAPES = frozenset("dDwWsStnrfv")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\\[])*\]")
_SET_OPERATION = re.compile(r"--|&&|\|\||~~")
_BOUNDS = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}")

T = TypeVar("T")


class BadPattern(ValueError):
    """A pattern cannot be used; met by whoever loads a registry file that has it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. Every match starts with `head` and ends with `tail`."""

    text: str
    head: str
    tail: str
    exact: bool
    expression: re.Pattern[str] | None
    """None where head and tail say everything."""

    def matches(self, subject: str) -> bool:
        """Say whether the whole subject matches."""
        if self.exact:
            return subject == self.head
        if len(subject) > SUBJECT_LIMIT or len(subject) < len(self.head) + len(self.tail):
            return False
        if not (subject.startswith(self.head) and subject.endswith(self.tail)):
            return False
        return self.expression is None or self.expression.fullmatch(subject) is not None


@lru_cache(maxsize=16384)
def compile_pattern(text: str) -> Pattern:
    """Compile a glob, or a regular expression behind `regex:`."""
    if not text or text == REGEX:
        raise BadPattern("an empty pattern")
    if len(text) > PATTERN_LIMIT:
        raise BadPattern(f"longer than {PATTERN_LIMIT} characters")
    if text.startswith(REGEX):
        return _regex(text)
    head, *rest = _GLOB.split(text, maxsplit=1)
    if not rest:
        return Pattern(text, text, "", exact=True, expression=None)
    tail = re.split(r"[*?\]]", text)[-1] if "[" not in text else ""
    whole = text == f"{head}*{tail}"
    expression = None if whole else re.compile(fnmatch.translate(text), re.DOTALL)
    return Pattern(text, head, tail, exact=False, expression=expression)


def matches(pattern: str, subject: str) -> bool:
    """Say whether a pattern matches the whole subject."""
    return compile_pattern(pattern).matches(subject)


class Matcher(Generic[T]):
    """Finds the values of the most specific pattern that matches a subject.

    An exact name beats every pattern; then the longer literal beginning wins, then the longer
    literal end, then the longer pattern, then the first in the alphabet. Patterns are looked up by
    their literal ends, so that thousands of them cost a few dictionary look-ups.
    """

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        exact: defaultdict[str, list[T]] = defaultdict(list)
        others: defaultdict[str, list[T]] = defaultdict(list)
        for text, value in entries:
            (exact if compile_pattern(text).exact else others)[text].append(value)
        self._exact = dict(exact)
        buckets: defaultdict[tuple[int, int], defaultdict[tuple[str, str], list[Pattern]]]
        buckets = defaultdict(lambda: defaultdict(list))
        for text in sorted(others, key=lambda text: (-len(text), text)):
            pattern = compile_pattern(text)
            lengths = len(pattern.head), len(pattern.tail)
            buckets[lengths][pattern.head, pattern.tail].append(pattern)
        self._buckets = [(*lengths, buckets[lengths]) for lengths in sorted(buckets, reverse=True)]
        self._values = dict(others)

    def find(self, subject: str) -> tuple[T, ...]:
        """Return the values given with the most specific pattern, in their order; () if none."""
        if subject in self._exact:
            return tuple(self._exact[subject])
        for head, tail, patterns in self._buckets:
            if head + tail > len(subject):
                continue
            ends = subject[:head], subject[len(subject) - tail :]
            for pattern in patterns.get(ends, ()):
                if pattern.matches(subject):
                    return tuple(self._values[pattern.text])
        return ()


def _regex(text: str) -> Pattern:
    source = text.removeprefix(REGEX)
    if not (source.startswith("^") and source.endswith("$")):
        raise BadPattern("write it from ^ to $: a pattern matches a whole name")
    if source.count("(") > GROUPS_LIMIT:
        raise BadPattern(f"more than {GROUPS_LIMIT} groups")
    ways, end = _alternatives(source, 0)
    if end < len(source):
        raise BadPattern("a ) without its (")
    if ways > WAYS_LIMIT:
        raise BadPattern(
            "it could take too long: repeats or alternatives inside repeats, or more than two open "
            "repeats (*, +); bound them or use a glob"
        )
    try:
        expression = re.compile(source, re.ASCII)
    except (re.error, OverflowError) as error:
        raise BadPattern(f"no regular expression: {error}") from None
    inner = source.removeprefix("^")
    head = "" if "|" in source else re.split(r"[^A-Za-z0-9_/@:=, -]", inner, maxsplit=1)[0]
    if len(head) < len(inner) and inner[len(head)] in "*?{":
        head = head[:-1]
    return Pattern(text, head, "", exact=False, expression=expression)


# A small reader of the allowed grammar. Each function returns in how many ways the part can match
# (an upper bound on what backtracking would try) and where the part ends.


def _alternatives(source: str, at: int) -> tuple[int, int]:
    ways, at = _sequence(source, at)
    while at < len(source) and source[at] == "|":
        more, at = _sequence(source, at + 1)
        ways += more
    return ways, at


def _sequence(source: str, at: int) -> tuple[int, int]:
    ways = 1
    while at < len(source) and source[at] not in "|)":
        atom, at = _atom(source, at)
        low, high, at = _repeat(source, at)
        ways = _capped(ways * _repeated(atom, low, high))
    return ways, at


def _atom(source: str, at: int) -> tuple[int, int]:
    match source[at]:
        case "(":
            inside = at + 3 if source.startswith("(?:", at) else at + 1
            if source.startswith("?", inside):
                raise BadPattern("of the (? groups only (?: ) is read: no look-around, no flags")
            ways, at = _alternatives(source, inside)
            if at == len(source):
                raise BadPattern("a ( without its )")
            return ways, at + 1
        case "[":
            end = _CLASS.match(source, at)
            if not end or _SET_OPERATION.search(end[0]):
                raise BadPattern("a [ without its ], or [, --, &&, ||, ~~ unescaped inside it")
            return 1, end.end()
        case "\\":
            escaped = source[at + 1 : at + 2]
            if escaped.isalnum() and escaped not in _PLAIN_ESCAPES:
                raise BadPattern(f"\\{escaped} is not read: no back-references, no \\b")
            return 1, at + 2
        case "*" | "+" | "?" | "{":
            raise BadPattern(f"nothing to repeat before the {source[at]}")
        case _:
            return 1, at + 1


def _repeat(source: str, at: int) -> tuple[int, int, int]:
    sign = source[at : at + 1]
    if sign in ("*", "+", "?"):
        low, high = {"*": (0, SUBJECT_LIMIT), "+": (1, SUBJECT_LIMIT), "?": (0, 1)}[sign]
        at += 1
    elif sign == "{":
        bounds = _BOUNDS.match(source, at)
        if not bounds:
            raise BadPattern("a { that is no repeat; write \\{")
        low = int(bounds[1])
        high = low if not bounds[2] else int(bounds[3] or SUBJECT_LIMIT)
        at = bounds.end()
    else:
        return 1, 1, at
    if source[at : at + 1] == "?":
        at += 1
    if source[at : at + 1] in ("*", "+", "?", "{"):
        raise BadPattern("a repeat of a repeat")
    return low, high, at


def _repeated(ways: int, low: int, high: int) -> int:
    """Sum ways**k for k from low to high."""
    if ways == 1:
        return max(high - low + 1, 1)
    total, power = 0, 1
    for count in range(high + 1):
        total += power if count >= low else 0
        power = power * ways
        if power > WAYS_LIMIT and count < high:
            return WAYS_LIMIT + 1
    return total


def _capped(ways: int) -> int:
    return min(ways, WAYS_LIMIT + 1)
