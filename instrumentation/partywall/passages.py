"""What a result says, as passages: the values of fields and list items, told from running text.

`sql/functions/partywall_passages.sql` and those below it read a result in the same way, and a test
compares the two on generated texts. So patterns use only what `re` and RE2 read alike.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from partywall.json_values import INVALID, Object, as_text, items, member, mended, parsed

_SPACE: Final = "<>`\t\r\n "

_KEY = r"['\"]?[A-Za-z_][A-Za-z0-9_ @.+-]{0,60}['\"]?:"
_QUOTED = r"'(?:[^']|'')*'[ ]*$|\"(?:[^\"\\]|\\.)*\"[ ]*$"
_LINES = re.compile(
    rf"(?m)^([ ]*)((?:- )*)(?:({_KEY})(?: ({_QUOTED}|[^\n]*)|$)|({_QUOTED}|[^\n]*))"
)
_PRINTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"([ \t\r\n]*:)?')
_MARGIN = re.compile(r"['\"\[{]")


Passage = tuple[int, bool, str, str]
"""A piece of a result: the record it stands in, whether it is a whole value, its text, and the
field of the record under which it stands, at whatever depth."""


class _Line(NamedTuple):
    indent: int
    dashes: str
    key: str
    value: str


def passages(result: str, *, is_cut: bool = False) -> list[Passage]:
    """The passages of a result: of JSON, of YAML or a printed value, or of a document.

    Of a result that was cut off, JSON is JSON up to there.
    """
    body = _body(_whole(result) if is_cut else result)
    if body.startswith(("[", "{")):
        tree = parsed(_whole(body) if is_cut else body)
        if tree is not INVALID:
            return _of_tree(tree)
    return _of_lines(_lines(body))


def _whole(text: str) -> str:
    return mended(text) if text.lstrip(_SPACE).startswith(("[", "{")) else text


def strings(json_text: str) -> list[str]:
    """All strings of a JSON text, keys only where they could name a party."""
    found: list[str] = []
    for text, colon in _STRINGS.findall(json_text):
        if colon and not _can_name(text):
            continue
        value = parsed(f'"{text}"') if "\\" in text or not text.isprintable() else text
        if isinstance(value, str) and value:
            found.append(value)
    return found


def _body(result: str) -> str:
    """The result without a fence around it, and out of the wrapping of MCP."""
    body = result.strip(_SPACE)
    if body.startswith("{") and '"content"' in body and '"text"' in body:
        content = items(member(parsed(body), "content"))
        text = member(content[0], "text") if content else INVALID
        if text is not INVALID:
            return as_text(text)
    return body


def _records(tree: object) -> Iterator[object]:
    """The objects of the top list, or of a list right below the top object.

    What stands beside such a list is one more record.
    """
    if not isinstance(tree, Object):
        yield from cast(list[object], tree)
        return
    lists = [value for _key, value in tree if _is_list_of_objects(value)]
    yield Object((key, value) for key, value in tree if not _is_list_of_objects(value))
    for value in lists:
        yield from cast(list[object], value)


def _is_list_of_objects(value: object) -> bool:
    inner = items(value)
    return bool(inner) and isinstance(inner[0], Object)


def _of_tree(tree: object) -> list[Passage]:
    """The strings of each record, under its fields; what is no object has one without a name."""
    found: list[Passage] = []
    for number, record in enumerate(_records(tree), 1):
        place = number & 0xFFFF
        fields = record if isinstance(record, Object) else (("", record),)
        for field, value in fields:
            if "@" in field or "." in field:
                found.append((place, True, field, field))
            if isinstance(value, str):
                if value:
                    found.append((place, True, value, field))
            elif isinstance(value, list):
                inner = cast(list[object], value)
                found += [(place, True, text, field) for text in _strings_in(inner)]
    return found


def _can_name(key: str) -> bool:
    """Whether a key could name a party."""
    return "@" in key or "." in key


def _strings_in(tree: object) -> Iterator[str]:
    """The strings of a value in their order, keys only where they could name a party."""
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            if value:
                yield value
        elif isinstance(value, Object):
            for key, inner in reversed(value):
                stack.append(inner)
                if _can_name(key):
                    stack.append(key)
        elif isinstance(value, list):
            stack.extend(reversed(cast(list[object], value)))


def _lines(text: str) -> list[_Line]:
    """The lines of a text that may be YAML; a quoted value may span several lines and is one."""
    found: list[_Line] = []
    for indent, dashes, key, value, other in _LINES.findall(text):
        read = _Line(len(indent), dashes, key.strip("'\": "), (value or other).strip(" \t\r"))
        if dashes or read.key or read.value:
            found.append(read)
    return found


def _of_lines(lines: list[_Line]) -> list[Passage]:
    """A line at the margin that is no item, key or quoted value shows a document."""
    only = len(lines) == 1
    if any(
        line.indent == 0
        and not line.dashes
        and not line.key
        and not _MARGIN.match(line.value)
        and (not only or " " in line.value)
        for line in lines
    ):
        return [(0, False, f"{line.key} {line.value}", "") for line in lines]
    found: list[Passage] = []
    record = margin = 0
    field = ""
    for line in lines:
        if line.indent == 0:
            record += bool(line.dashes)
            margin = len(line.dashes)
        if line.key and line.indent + len(line.dashes) <= margin:
            field = line.key
        for whole, text in _of_line(line, only):
            found.append((record & 0xFFFF, whole, text, field))
    return found


def _of_line(line: _Line, only: bool) -> list[tuple[bool, str]]:
    """A printed list or object has several, a mailbox as key and its value are two."""
    if line.value.startswith(("[", "{")):
        return [(True, single + double) for single, double in _PRINTED.findall(line.value)]
    text = _unquoted(line.value)
    if "@" in line.key:
        return [(True, line.key), (True, text)]
    whole = bool(line.dashes or line.key or line.value.startswith(("'", '"')) or only)
    return [(whole, text)]


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace("\\n", "\n")
    return value
