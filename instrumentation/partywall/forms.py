"""The form of a declared identifier: a small part of regular expressions, checked when it is read.

What is allowed is read alike by Python's `re` and by RE2: characters, classes that name theirs,
alternatives in `(?:...)`, repeats with a bound, and one `(...)` that holds the value. Python tries
again where RE2 does not, so the steps that this can take at one place of a text are counted, and a
form that takes too many is refused.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 256
"""Characters of a form."""

SHORTEST_VALUE: Final = 4
"""Characters that every value has; shorter ones are equal by chance."""

MOST_WORK: Final = 1_000
"""Steps at one place of a text, at the very worst."""

_WORD: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_REPEAT: Final = re.compile(r"\?|\{([0-9]{1,3})(?:,([0-9]{1,3}))?\}")
_CLASS_ITEM: Final = re.compile(
    r"(?P<low>\\[!-/:-@^-`{-~\[\]]|[^\\\[\]^])(?:-(?P<high>\\[!-/:-@^-`{-~\[\]]|[^\\\[\]^]))?"
)
_DOUBLED: Final = re.compile(r"--|&&|\|\||~~")
"""What other engines, and Python one day, take for an operation on classes."""

_NOTHING: Final[frozenset[str]] = frozenset()


class BadForm(ValueError):
    """A form that cannot be used; it says why and what to write."""


@dataclass(frozen=True, slots=True)
class _One:
    """One character of these."""

    signs: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of several sequences; a group is a choice among one."""

    options: tuple[tuple["_Node", ...], ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    node: "_One | _Choice"
    low: int
    high: int


_Node = _One | _Choice | _Repeat
_Nodes = Sequence[_Node]


def edged(form: str, removed: str = "") -> str:
    """The form as a pattern to search by: it begins and ends where no longer word runs into it.

    `removed` are the characters that a value is spelled without. Raises BadForm.
    """
    if len(form) > LONGEST:
        raise BadForm(f"is longer than {LONGEST} characters")
    reader = _Reader(form)
    nodes = reader.whole()
    if reader.value is None:
        raise BadForm("has no group: put what is the value into ( ), and alternatives into (?: )")
    if _least(reader.value, frozenset(removed)) < SHORTEST_VALUE:
        raise BadForm(
            f"takes values of fewer than {SHORTEST_VALUE} characters, without those of `remove`; "
            "they would be equal by chance"
        )
    _work(nodes, 1, _NOTHING)
    return f"{_edge(nodes, _first, 'begins')}{form}{_edge(nodes, _last, 'ends')}"


def begins(form: str) -> frozenset[str]:
    """The characters that what has this form may begin with."""
    return _first(_Reader(form).whole())


class _Reader:
    """Reads a form from left to right."""

    def __init__(self, form: str) -> None:
        for sign in form:
            if not " " <= sign <= "~":
                raise BadForm(f"holds {sign!a}; only printable ASCII characters are read")
        self._form = form
        self._at = 0
        self.value: tuple[_Node, ...] | None = None

    def whole(self) -> tuple[_Node, ...]:
        nodes = self._sequence(depth=0)
        if self._at < len(self._form):
            raise BadForm(
                "has a ) without its (, or alternatives outside of a group: write (?:A|B)"
            )
        return nodes

    def _sequence(self, depth: int) -> tuple[_Node, ...]:
        nodes: list[_Node] = []
        while self._at < len(self._form) and self._form[self._at] not in "|)":
            starts = self._at
            node = self._atom(depth)
            if repeat := _REPEAT.match(self._form, self._at):
                self._at = repeat.end()
                nodes.append(self._repeat(node, repeat, is_value=self._is_value(starts)))
            else:
                nodes.append(node)
        return tuple(nodes)

    def _is_value(self, at: int) -> bool:
        return self._form[at] == "(" and not self._form.startswith("(?", at)

    def _repeat(self, node: "_One | _Choice", repeat: re.Match[str], *, is_value: bool) -> _Repeat:
        low, high = int(repeat[1] or 0), int(repeat[2] or repeat[1] or 1)
        if is_value:
            raise BadForm("repeats the value's group: put the repeat into it")
        if high < max(low, 1):
            raise BadForm(f"has a repeat {repeat[0]} that ends before it begins")
        if self._form[self._at : self._at + 1] in ("?", "+", "*", "{"):
            raise BadForm(f"has {repeat[0]}{self._form[self._at]}: one repeat, without ? or +")
        if not _least((node,), _NOTHING):
            raise BadForm("repeats what may be empty")
        return _Repeat(node, low, high)

    def _atom(self, depth: int) -> "_One | _Choice":
        sign = self._form[self._at]
        self._at += 1
        match sign:
            case "(":
                return self._group(depth)
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case "*" | "+":
                raise BadForm(f"repeats with {sign}: say how often at most, such as {{1,20}}")
            case "{" | "?":
                raise BadForm(f"has a {sign} that repeats nothing; a plain one is \\{sign}")
            case "." | "^" | "$":
                raise BadForm(f"has a {sign}: name the characters, such as [A-Z0-9]; a plain one "
                              f"is \\{sign}")  # fmt: skip
            case "]" | "}":
                raise BadForm(f"has a {sign} without its beginning; a plain one is \\{sign}")
            case _:
                return _One(self._plain(sign))

    def _plain(self, sign: str) -> frozenset[str]:
        if sign == "@":
            raise BadForm("has an @: a mailbox is an `email` already")
        return frozenset(sign)

    def _escape(self) -> _One:
        sign = self._form[self._at : self._at + 1]
        self._at += 1
        if not sign or sign in _WORD or sign in "\\ ":
            raise BadForm(
                f"has \\{sign}: only signs may be escaped. Write [0-9], [A-Za-z0-9_] or [ ]; a "
                "form begins and ends at the edge of a word by itself"
            )
        return _One(self._plain(sign))

    def _group(self, depth: int) -> _Choice:
        is_value = not self._form.startswith("?", self._at)
        if not is_value:
            if not self._form.startswith("?:", self._at):
                raise BadForm("has (? : of these groups only (?:...) is read: no look-around, "
                              "no flags, no names")  # fmt: skip
            self._at += 2
        elif self.value is not None or depth:
            raise BadForm("has more than one group, or one inside another: the value stands in "
                          "one ( ), all others are (?: )")  # fmt: skip
        options = [self._sequence(depth + 1)]
        while self._form.startswith("|", self._at):
            self._at += 1
            options.append(self._sequence(depth + 1))
        if not self._form.startswith(")", self._at):
            raise BadForm("has a ( without its )")
        self._at += 1
        group = _Choice(tuple(options))
        if is_value:
            self.value = (group,)
        return group

    def _class(self) -> _One:
        if self._form.startswith("^", self._at):
            raise BadForm("has a class [^...]: name the characters that it may be")
        signs, begins = set[str](), self._at
        while item := _CLASS_ITEM.match(self._form, self._at):
            self._at = item.end()
            low, high = item["low"][-1], (item["high"] or item["low"])[-1]
            if low > high:
                raise BadForm(f"has a range {item[0]} that ends before it begins")
            signs.update(map(chr, range(ord(low), ord(high) + 1)))
        if not signs or not self._form.startswith("]", self._at):
            raise BadForm("has a class that is empty or open, or with [, ^ or \\ in it: escape "
                          "signs by \\, and write no \\d or \\w")  # fmt: skip
        if _DOUBLED.search(self._form[begins : self._at]):
            raise BadForm("has a class with --, &&, || or ~~ in it: name each sign once")
        self._at += 1
        if not signs.isdisjoint("@\\"):
            raise BadForm("has a class with @ or \\ in it, which no identifier has but a mailbox")
        return _One(frozenset(signs))


def _least(nodes: _Nodes, removed: frozenset[str]) -> int:
    """How many characters there are at least that are not removed for certain."""
    total = 0
    for node in nodes:
        match node:
            case _One(signs):
                total += signs.isdisjoint(removed)
            case _Repeat(inner, low):
                total += low * _least((inner,), removed)
            case _Choice(options):
                total += min(_least(option, removed) for option in options)
    return total


def _first(nodes: _Nodes) -> frozenset[str]:
    """The characters that it may begin with."""
    return _outermost(nodes, lambda option: option)


def _last(nodes: _Nodes) -> frozenset[str]:
    return _outermost(nodes, lambda option: option[::-1])


def _outermost(nodes: _Nodes, turned: Callable[[_Nodes], _Nodes]) -> frozenset[str]:
    found = _NOTHING
    for node in turned(nodes):
        match node:
            case _One(signs):
                found |= signs
            case _Repeat(inner):
                found |= _outermost((inner,), turned)
            case _Choice(options):
                found = found.union(*(_outermost(option, turned) for option in options))
        if _least((node,), _NOTHING):
            break
    return found


def _edge(nodes: _Nodes, outermost: Callable[[_Nodes], frozenset[str]], does: str) -> str:
    signs = outermost(nodes)
    if " " in signs:
        raise BadForm(f"{does} with a blank: leave it out")
    if signs <= _WORD:
        return r"\b"
    if signs.isdisjoint(_WORD):
        return ""
    raise BadForm(
        f"{does} with a letter or digit in one case and with a sign in another: declare two kinds"
    )


def _work(nodes: _Nodes, after: int, follow: frozenset[str]) -> int:
    """Steps that the nodes can take if what is behind them takes `after` and fails.

    `follow` are the characters with which that may begin. Where two ways begin with different
    characters, only one of them is gone. Raises BadForm.
    """
    for node in reversed(nodes):
        first = _first((node,))
        match node:
            case _One():
                after += 1
            case _Choice(options):
                ways = [_work(option, after, follow) for option in options]
                firsts = [_first(option) for option in options]
                apart = sum(map(len, firsts)) == len(_NOTHING.union(*firsts))
                after = len(ways) + (max(ways) if apart and all(firsts) else sum(ways))
            case _Repeat(inner, low, high):
                apart = first.isdisjoint(follow)
                done = after
                for count in reversed(range(high)):
                    more = _work((inner,), done, follow | first)
                    over = after if count >= low else 0
                    done = 1 + (max(more, over) if apart else more + over)
                after = done
        follow = first | (_NOTHING if _least((node,), _NOTHING) else follow)
        if after > MOST_WORK:
            raise BadForm(
                "could take too long on some texts: repeat less, and let what follows a repeat "
                "begin with another character than it repeats"
            )
    return after
