"""Where the data of an INSERT begins: `INSERT INTO t (a, b) SETTINGS x = 1 FORMAT CSV` + data."""

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    rb"""
    (?P<space>\s+ | --[^\n]*(?:\n|$) | \#[ !][^\n]*(?:\n|$) | /\*.*?\*/)
    | (?P<quoted>'(?:\\.|''|[^'\\])*' | "(?:\\.|""|[^"\\])*" | `(?:\\.|``|[^`\\])*`)
    | (?P<word>\w+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WITHOUT_DATA: Final = {b"SELECT", b"WITH", b"VALUES", b"INFILE", b"WATCH"}
_FORMAT_AT_END: Final = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InsertWithData:
    """An INSERT whose data follows it: what is before SETTINGS or FORMAT, what from there, data."""

    head: bytes
    settings: bytes
    form: bytes
    data: bytes


def insert_with_data(sql: bytes) -> InsertWithData | None:
    """Take an INSERT with data in a named format apart; None for any other statement."""
    words: list[bytes] = []
    depth = 0
    settings_at: int | None = None
    for token in _TOKEN.finditer(sql):
        if token["other"]:
            depth += {b"(": 1, b")": -1}.get(token["other"], 0)
        word = (token["word"] or b"").upper()
        if not word or depth:
            continue
        words.append(word)
        if words[0] != b"INSERT" or word in _WITHOUT_DATA:
            return None
        if word == b"SETTINGS" and settings_at is None:
            settings_at = token.start()
        if word == b"FORMAT":
            return _taken_apart(sql, token.start(), token.end(), settings_at)
    return None


def _taken_apart(sql: bytes, at: int, after: int, settings_at: int | None) -> InsertWithData | None:
    form = re.compile(rb"\s+(\w+)[ \t]*;?(?:\r?\n)?").match(sql, after)
    if form is None or form[1].upper() == b"VALUES":
        return None
    cut = at if settings_at is None else settings_at
    return InsertWithData(sql[:cut], sql[cut:at], form[1], sql[form.end() :])


def named_format(sql: bytes) -> str:
    """The output format that a query names at its end; empty if it names none."""
    found = _FORMAT_AT_END.search(sql)
    return found[1].decode() if found else ""


def without_format(sql: bytes) -> bytes:
    """The query without the output format at its end."""
    return _FORMAT_AT_END.sub(b"", sql)
