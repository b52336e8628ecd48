"""What a statement is, before any engine reads it: first words, format, INSERT data."""

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
_FORMAT_NAME: Final = re.compile(rb"\s+(\w+)[ \t]*;?(?:\r?\n)?")
_FORMAT_AT_END: Final = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InsertWithData:
    """An INSERT whose data follows it: what is before SETTINGS or FORMAT, its settings, data."""

    head: bytes
    settings: bytes
    form: bytes
    data: bytes


def insert_with_data(sql: bytes) -> InsertWithData | None:
    """Take an INSERT with data in a named format apart; None for any other statement."""
    words: list[bytes] = []
    depth = 0
    settings: re.Match[bytes] | None = None
    for token in _TOKEN.finditer(sql):
        if token["other"]:
            depth += {b"(": 1, b")": -1}.get(token["other"], 0)
        word = (token["word"] or b"").upper()
        if not word or depth:
            continue
        words.append(word)
        if words[0] != b"INSERT" or word in _WITHOUT_DATA:
            return None
        if word == b"SETTINGS" and settings is None:
            settings = token
        if word == b"FORMAT":
            return _taken_apart(sql, token, settings)
    return None


def _taken_apart(
    sql: bytes, word: re.Match[bytes], settings: re.Match[bytes] | None
) -> InsertWithData | None:
    form = _FORMAT_NAME.match(sql, word.end())
    if form is None or form[1].upper() == b"VALUES":
        return None
    head = sql[: settings.start() if settings else word.start()]
    said = sql[settings.end() : word.start()] if settings else b""
    return InsertWithData(head, said.strip(), form[1], sql[form.end() :])


def first_words(sql: bytes, count: int = 1) -> tuple[bytes, ...]:
    """The words that a statement begins with, in upper case, past comments and parentheses."""
    words: list[bytes] = []
    for token in _TOKEN.finditer(sql):
        if token["word"]:
            words.append(token["word"].upper())
        elif token["quoted"] or (token["other"] and token["other"] != b"("):
            break
        if len(words) == count:
            break
    return tuple(words)


def named_format(sql: bytes) -> str:
    """The output format that a query names at its end; empty if it names none."""
    found = _FORMAT_AT_END.search(sql)
    return found[1].decode() if found else ""


def without_format(sql: bytes) -> bytes:
    """The query without the output format at its end."""
    return _FORMAT_AT_END.sub(b"", sql)
