"""The kinds of crossings that the generator plants: one small file each, or one row of a table.

To add a kind, write a module here with a tuple `KINDS`. Its `plant(scene)` makes sessions by
`scene.session(tenant)` and calls by their `read`, `write`, `send`, `report` and `delegate`, puts
what must be known into the registry by `scene.register`, and sets `scene.crossing` (or calls
`scene.breach`, if it is one call within one tenant). If `scene.twin`, the one fact in which the
twin differs is the other way round; everything else is made alike. `says` and `twin` go into the
table of docs/detection.md. A rule without a kind has its reason in `WITHOUT`.
"""

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

WITHOUT: Final = {
    "canary": "drills plant canaries and measure them: docs/drills.md",
    "lingering-credential": "a session is looked at a while after its close; a file closes none",
    "sequence-gap": "a numbered session of which a span is lost has a gap, whatever was planted",
    "unclosed-session": "it is told by how long after its first spans others are loaded",
}
"""Rules that no kind is about, and why."""
