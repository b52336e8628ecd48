"""Registry files as trees that remember their lines; whatever is no honest file is refused here."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import yaml

YAML_LIMIT = 16 << 20
"""YAML is read at about a megabyte a second: more than this is better written as JSON lines."""

JSON_LIMIT = 256 << 20
"""Entries are held until all of them are known to be good."""

PROBLEMS_SHOWN = 20
"""Of each file; the others are counted."""

NODES_LIMIT = 2_000_000
"""Values of a YAML file, those behind aliases counted each time."""

SHOWN = 600
"""Characters of one mistake."""

LINE_LIMIT = 1 << 20
DEPTH_LIMIT = 16
"""The deepest entry that means something has a depth of 5."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `text` is spelled as in the file."""

    text: str
    type: Literal["text", "number", "flag", "empty"]
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: list["Node"]
    line: int


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping; each key has its own line."""

    keys: dict[str, "Node"]
    lines: dict[str, int]
    line: int


Node = Scalar | Items | Keys


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file: where it is and what to do."""

    file: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        said = ": ".join(part for part in (place, self.where, self.what) if part)
        # The file is foreign: what it says must not move the reader's cursor.
        plain = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in said)
        return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."


class UnreadableFile(Exception):
    """A registry file cannot be read as a tree; met by whoever loads it."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what)
        self.problem_line = line


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of one kind, with its place in the file."""

    kind: str
    where: str
    node: Node
    line: int


@dataclass(slots=True)
class Document:
    """The entries of one file, and what in it could not be read as an entry."""

    file: str
    entries: list[Entry] = field(default_factory=list[Entry])
    problems: list[Problem] = field(default_factory=list[Problem])

    def problem(self, line: int, where: str, what: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(self.file, line, where, what))


def read_yaml(path: Path) -> Node:
    """Read a YAML (or JSON) file as one tree.

    The events of the parser are turned into a tree by hand: so aliases cannot grow without limit,
    nesting has one too, and a plain `no` or `0012` is still there as it was written.
    """
    try:
        return _tree(yaml.parse(read_text(path, YAML_LIMIT), Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise UnreadableFile(f"not YAML: {error.problem or error.context}", line) from None
    except yaml.YAMLError as error:
        raise UnreadableFile(f"not YAML: {' '.join(str(error).split())}") from None


def tree_of(value: Mapping[str, Any]) -> Node:
    """The tree of an entry that is no file's."""
    return _json_node(_DECODER.decode(json.dumps(value)), 0, 0)


def read_json(text: str) -> Node:
    """Read a JSON text as one tree."""
    try:
        return _json_node(_DECODER.decode(text), 0, 0)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableFile(f"not JSON: {error.msg} at {place}") from None
    except RecursionError:
        raise UnreadableFile(f"nested deeper than {DEPTH_LIMIT} levels") from None


def read_json_lines(text: str) -> Iterator[tuple[int, Node | str]]:
    """Read the tree of each line; text in place of a tree says what is wrong with it."""
    for line, said in enumerate(text.split("\n"), 1):
        if not said.strip():
            continue
        if len(said) > LINE_LIMIT:
            yield line, f"the line is longer than {LINE_LIMIT >> 20} MiB"
            continue
        try:
            yield line, _json_node(_DECODER.decode(said), line, 0)
        except json.JSONDecodeError as error:
            yield line, f"not JSON: {error.msg} at column {error.colno}"
        except RecursionError:
            yield line, f"nested deeper than {DEPTH_LIMIT} levels"
        except UnreadableFile as error:
            yield line, str(error)


def read_text(path: Path, limit: int) -> str:
    """The text of a file, if it is no longer than the limit in bytes."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}") from None
    if len(raw) > limit:
        more = "; write it as JSON lines" if limit == YAML_LIMIT else "; split it"
        raise UnreadableFile(f"larger than {limit >> 20} MiB{more}")
    return decoded(raw)


def decoded(raw: bytes) -> str:
    """Bytes as text."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableFile("not UTF-8", line) from None


# libyaml's parser does the same ten times faster; a PyYAML built without it lacks the name.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Any = yaml.resolver.Resolver()
_TYPES: dict[str, Literal["number", "flag", "empty"]] = {
    "tag:yaml.org,2002:int": "number",
    "tag:yaml.org,2002:float": "number",
    "tag:yaml.org,2002:bool": "flag",
    "tag:yaml.org,2002:null": "empty",
}


def _tree(events: Iterable[Any]) -> Node:
    """Build the tree of the first document; a second one and tags are refused."""
    stack: list[_Open] = []
    anchors: dict[str, tuple[Node, int]] = {}
    count = 0
    root: Node | None = None
    for event in events:
        line: int = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent() if root is not None:
                raise UnreadableFile("a second document (---); use one file each", line)
            case yaml.ScalarEvent() | yaml.CollectionStartEvent() if event.tag not in (None, "!"):
                raise UnreadableFile(f"tags ({event.tag}) are not read; leave it out", line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(stack) == DEPTH_LIMIT:
                    raise UnreadableFile(f"nested deeper than {DEPTH_LIMIT} levels", line)
                mapping = isinstance(event, yaml.MappingStartEvent)
                node = Keys({}, {}, line) if mapping else Items([], line)
                stack.append(_Open(node, event.anchor, count))
                continue
            case yaml.CollectionEndEvent():
                opened = stack.pop()
                node, anchor, size = opened.node, opened.anchor, count - opened.count + 1
                count += 1
            case yaml.ScalarEvent():
                node, anchor, size = _scalar(event, line), event.anchor, 1
                count += 1
            case yaml.AliasEvent():
                if event.anchor not in anchors:
                    raise UnreadableFile(f"*{event.anchor} is inside itself", line)
                node, size = anchors[event.anchor]
                anchor = None
                count += size
            case _:
                continue
        if count > NODES_LIMIT:
            raise UnreadableFile(f"more than {NODES_LIMIT:,} values; use JSON lines", line)
        if anchor is not None:
            anchors[anchor] = node, size
        root = _put(stack, node, line)
    return root if root is not None else Scalar("", "empty", 1)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come; `key` is waiting for its value."""

    node: Items | Keys
    anchor: str | None
    count: int
    key: str | None = None


def _put(stack: list[_Open], node: Node, line: int) -> Node:
    """Give the node to the collection that is open; return the outermost one."""
    if not stack:
        return node
    top = stack[-1]
    if isinstance(top.node, Items):
        top.node.items.append(node)
    elif top.key is None:
        if not isinstance(node, Scalar):
            raise UnreadableFile("a key must be plain text", line)
        if node.text in top.node.keys:
            first = top.node.lines[node.text]
            raise UnreadableFile(f"the key '{node.text}' is already in line {first}", line)
        top.key = node.text
        top.node.lines[node.text] = line
    else:
        top.node.keys[top.key] = node
        top.key = None
    return stack[0].node


def _scalar(event: yaml.ScalarEvent, line: int) -> Scalar:
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
    return Scalar(event.value, _TYPES.get(tag, "text"), line)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys as they came, so that a key given twice is seen."""


class _Number(str):
    """A JSON number, spelled as in the file."""

    __slots__ = ()


def _refuse_constant(name: str) -> None:
    raise UnreadableFile(f"not JSON: {name} is no number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse_constant,
)


def _json_node(value: Any, line: int, depth: int) -> Node:
    if depth > DEPTH_LIMIT:
        raise UnreadableFile(f"nested deeper than {DEPTH_LIMIT} levels")
    match value:
        case _Pairs():
            keys: dict[str, Node] = {}
            for key, item in value:
                if key in keys:
                    raise UnreadableFile(f"the key '{key}' is there twice")
                keys[key] = _json_node(item, line, depth + 1)
            return Keys(keys, dict.fromkeys(keys, line), line)
        case list():
            items = cast("list[Any]", value)
            return Items([_json_node(item, line, depth + 1) for item in items], line)
        case bool():
            return Scalar("true" if value else "false", "flag", line)
        case None:
            return Scalar("", "empty", line)
        case _Number():
            return Scalar(str(value), "number", line)
        case _:
            return Scalar(value, "text", line)
