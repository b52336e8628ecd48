"""Kinds of identifiers that a deployment declares: a file of JSON lines, for agents and collector.

A kind a line: `{"name": "employee", "pattern": "EMP-([0-9]{6})", "remove": "-", "case": "upper"}`.
What a pattern may hold is in `forms.py`; `remove` are characters that the value is spelled without.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast, get_args

from partywall import identifiers, settings
from partywall.forms import BadForm, begins, edged
from partywall.identifiers import KINDS, Case, Kind, Kinds

log = logging.getLogger("partywall")

MOST: Final = 16
"""Kinds of one file."""

LONGEST: Final = 65_536
"""Bytes of a file."""

KEYS: Final = ("name", "pattern", "remove", "case")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TAKEN: Final = frozenset(kind.name for kind in KINDS)
_CASES: Final[tuple[str, ...]] = get_args(Case)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file: the line, the key, and what to do. A line of 0 is the whole file."""

    line: int
    key: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"line {self.line}", self.key, self.what) if part)


class BadKinds(ValueError):
    """A file of kinds that cannot be used, with all that is wrong in it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def parse(text: str) -> tuple[Kind, ...]:
    """The kinds that a text declares, a line each. Raises BadKinds."""
    kinds: list[Kind] = []
    mistakes: list[Mistake] = []
    if len(text) > LONGEST:
        raise BadKinds([Mistake(0, "", f"is longer than {LONGEST} characters")])
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            kind = _kind(line)
            if any(kind.name == other.name for other in kinds):
                raise _Wrong("name", f"{kind.name!r} stands in an earlier line too")
            kinds.append(kind)
        except _Wrong as wrong:
            mistakes.append(Mistake(number, *wrong.args))
        if len(kinds) + len(mistakes) > MOST:
            mistakes.append(Mistake(number, "", f"is one more than the {MOST} kinds of a file"))
            break
    if mistakes:
        raise BadKinds(mistakes)
    return tuple(kinds)


_source = ""  # the file whose kinds are in force


def declare() -> None:
    """Put the kinds of this process's settings in force; what cannot be read is warned about."""
    global _source
    file = settings.IDENTIFIERS.text()
    if file == _source:
        return
    _source = file
    identifiers.put_in_force(_of_file(Path(file)) if file else identifiers.BUILT_IN)


def _of_file(file: Path) -> Kinds:
    try:
        with file.open("rb") as opened:
            return Kinds(parse(opened.read(LONGEST + 1).decode("utf-8", "replace")))
    except (OSError, ValueError) as error:
        log.warning(
            "%s: the kinds of %s are not looked for, which is recorded on calls: %s. Check the "
            "file with `partywall registry identifiers FILE --check` (said once)",
            settings.IDENTIFIERS.name,
            file,
            error if isinstance(error, BadKinds) else type(error).__name__,
        )
        return Kinds(missing=True)


class _Wrong(Exception):
    """A key of a line, and what is wrong with it."""


def _kind(line: str) -> Kind:
    said = _object(line)
    name, form, removed, case = (said.get(key, "") for key in KEYS)
    if not _NAME.fullmatch(name):
        raise _Wrong("name", f"{name[:40]!r} is no word of up to 32 of a-z, 0-9 and _")
    if name in _TAKEN:
        raise _Wrong("name", f"{name!r} is a kind already; choose another name")
    if not form:
        raise _Wrong("pattern", 'is missing: write what it looks like, such as "EMP-([0-9]{6})"')
    if case and case not in _CASES:
        raise _Wrong("case", f"{case[:40]!r} is not one of {', '.join(_CASES)}")
    if len(removed) > 16 or any(not " " <= sign <= "~" or sign.isalnum() for sign in removed):
        raise _Wrong("remove", "is not up to 16 signs or blanks, each written as itself")
    try:
        pattern = edged(form, removed)
    except BadForm as error:
        raise _Wrong("pattern", str(error)) from None
    escaped = "".join(f"\\{sign}" if sign in "\\]^-[" else sign for sign in removed)
    return Kind(
        name,
        pattern,
        remove=f"[{escaped}]" if removed else "",
        case=_case(case),
        begins=begins(form),
    )


def _pairs(pairs: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return pairs


def _case(said: str) -> Case:
    return cast(Case, said or "lower")


def _object(line: str) -> dict[str, str]:
    try:
        pairs = cast(object, json.loads(line, object_pairs_hook=_pairs))
    except (ValueError, RecursionError) as error:
        raise _Wrong("", f"is no JSON ({error}); a backslash is written twice") from None
    if not isinstance(pairs, list) or not line.lstrip().startswith("{"):
        raise _Wrong("", 'is no object such as {"name": "employee", "pattern": "EMP-([0-9]{6})"}')
    said = cast(list[tuple[str, object]], pairs)
    for key, times in Counter(key for key, _ in said).items():
        if key not in KEYS:
            raise _Wrong(key[:40], f"is no key; known are {', '.join(KEYS)}")
        if times > 1:
            raise _Wrong(key, "stands twice in the line")
    for key, value in said:
        if not isinstance(value, str):
            raise _Wrong(key, "is no text")
    return dict(cast(list[tuple[str, str]], said))
