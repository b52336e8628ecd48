"""The kinds of crossings that the generator plants: one small file each, or one row of a table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, Literal

from partywall_analyzer.generator.scenes import Scene

Group = Literal["governance", "flow", "relay", "shared server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is planted, and the one fact in which its benign twin differs."""

    name: str
    group: Group
    says: str
    twin: str
    plant: Callable[[Scene], None]


@cache
def kinds() -> dict[str, Kind]:
    """Every kind of the files of this folder, by its name."""
    found: list[Kind] = []
    for module in iter_modules(__path__):
        found += import_module(f"{__name__}.{module.name}").KINDS
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)}


GROUPS: Final = ("governance", "flow", "relay", "shared server")
