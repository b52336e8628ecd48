"""The frameworks that findings are mapped to, read from `frameworks.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Framework:
    """One version of a framework: when and where it was published, and the titles of its items.

    `date` is as exact as we know it: a year, a month or a day in ISO 8601.
    """

    name: str
    version: str
    date: str
    source: str
    items: Mapping[str, str]


@cache
def frameworks() -> tuple[Framework, ...]:
    """Every framework, in the order of the file."""
    text = files("partywall_analyzer").joinpath("frameworks.toml").read_text("utf-8")
    tables: list[dict[str, Any]] = tomllib.loads(text)["framework"]
    return tuple(Framework(**table) for table in tables)


def titled(ids: Iterable[str]) -> dict[str, str]:
    """The title of each id, with the framework and its version.

    Raises KeyError with the first id that no framework has.
    """
    known = {
        item: f"{title} ({each.name} {each.version})"
        for each in frameworks()
        for item, title in each.items.items()
    }
    return {name: known[name] for name in ids}
