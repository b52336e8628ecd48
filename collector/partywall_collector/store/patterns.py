"""Regular expressions rewritten for ClickHouse, where a capturing group makes a search slow.

RE2 finds a match without groups in one pass of an automaton. With groups it walks each match a
second time, which costs ten times as much.
"""

import re
from typing import Final

_PIECE: Final = re.compile(
    r"(?P<edge>\\b)|\\.|\[\^?\]?(?:\\.|[^\]])*\]|(?P<group>\((?!\?))|(?P<open>\()|(?P<close>\))|.",
    re.DOTALL,
)
"""A word's edge, an escape, a class, a parenthesis, or one other character."""


def without_groups(pattern: str) -> str:
    """The same pattern, whose groups capture nothing."""
    return _PIECE.sub(lambda piece: "(?:" if piece["group"] else piece[0], pattern)


def whole(pattern: str) -> str:
    """A pattern for a text that is all one match, wherever it was cut out: without `\\b`."""
    return f"^(?:{_without_edges(without_groups(pattern))})$"


def is_all_value(pattern: str) -> bool:
    """Whether the one group of a pattern holds all that it matches."""
    inner = _without_edges(pattern)
    depth = 0
    for piece in _PIECE.finditer(inner):
        if depth == 0 and piece.start():
            return False  # something stands behind the group
        depth += bool(piece["group"] or piece["open"]) - bool(piece["close"])
    return inner.startswith("(") and not inner.startswith("(?")


def _without_edges(pattern: str) -> str:
    return _PIECE.sub(lambda piece: "" if piece["edge"] else piece[0], pattern)
