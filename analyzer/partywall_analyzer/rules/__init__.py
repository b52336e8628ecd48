"""The rules: ours, one file each in this folder, and those that an operator adds to them.

Others come from packages that name themselves in the entry-point group `partywall.rules`, and from
the folders in `$PARTYWALL_RULES` (`--rules`). One that cannot be used is told by `failures`; the
others go on without it.
"""

import os
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from partywall_analyzer.rule import Broken, Cover, Rule, RuleError
from partywall_analyzer.rule_files import Found, read_folder, read_package

__all__ = ["FOLDERS", "GROUP", "Broken", "Cover", "Rule", "RuleError", "failures", "rule", "rules"]

GROUP: Final = "partywall.rules"
"""Entry points of this group name packages of rules."""

FOLDERS: Final = "PARTYWALL_RULES"
"""This environment variable names folders of rules."""


def rules() -> tuple[Rule, ...]:
    """Every rule that can be used, in order of its id."""
    return _found(os.environ.get(FOLDERS, ""))[0]


def failures() -> tuple[RuleError, ...]:
    """Why other rules cannot be used."""
    return _found(os.environ.get(FOLDERS, ""))[1]


def rule(name: str) -> Rule:
    """The rule with this id."""
    return _by_id(os.environ.get(FOLDERS, ""))[name]


@cache
def own() -> tuple[Rule, ...]:
    """The rules of this folder."""
    found = read_package(__name__, sql="partywall_analyzer.sql")
    for error in found.errors:
        raise error
    return found.rules


@cache
def _by_id(folders: str) -> dict[str, Rule]:
    return {each.id: each for each in _found(folders)[0]}


@cache
def _found(folders: str) -> tuple[tuple[Rule, ...], tuple[RuleError, ...]]:
    taken = {each.id: each for each in own()}
    errors: list[RuleError] = []
    for place, found in _others(folders):
        errors += found.errors
        for each in found.rules:
            if each.id in taken:
                what = f"there is another rule '{each.id}'; give this one another name"
                errors.append(
                    RuleError(each.id, f"{place}/{each.id.replace('-', '_')}.py", 1, what)
                )
            else:
                taken[each.id] = each
    return tuple(taken[name] for name in sorted(taken)), tuple(errors)


def _others(folders: str) -> Iterator[tuple[str, Found]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.value):
        yield point.value, _package(point.value)
    for folder in filter(None, folders.split(os.pathsep)):
        yield folder, read_folder(Path(folder))


def _package(name: str) -> Found:
    try:
        found = find_spec(name) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        what = f"the entry point of {GROUP} names no package that can be imported"
        return Found((), (RuleError("", name, 0, what),))
    return read_package(name, sql=name)
