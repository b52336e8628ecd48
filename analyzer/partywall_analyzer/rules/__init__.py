"""The rules: one file each, found by listing this folder."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_collector.store import statement

_PLACE: Final = "-- {rule}"
_OPENED: Final = "-- {opened}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What makes a crossing, how it is told, and where it belongs in the frameworks.

    `opens` is the key that its findings are a function of (docs/analyzer.md, "Writing a rule").
    `direct` is the proof of a crossing that one record shows; None where a witness path must
    grade it. The ids of `frameworks` are those of docs/rules.md.
    """

    id: str
    opens: Key
    title: str
    sentence: str
    frameworks: tuple[str, ...]
    ceiling: Severity
    direct: Proof | None

    @property
    def about(self) -> str:
        """What it finds, why, and what it does not see: the docstring of its file."""
        return import_module(f"{__name__}.{self.id.replace('-', '_')}").__doc__ or ""

    def statement(self, *, dirty: bool = False) -> str:
        """The SQL that finds its candidates, grouped by what a verdict depends on.

        With `dirty`, what it says of keys that are not dirty is dropped: they may be open in part.
        """
        rule = statement("partywall_analyzer.sql", self.id.replace("-", "_"))
        only = f"WHERE {self.opens} IN {{{self.opens.dirty}:Identifier}}" if dirty else ""
        grouped = statement("partywall_analyzer.sql", "group_candidates")
        return grouped.replace(_PLACE, rule).replace(_OPENED, only)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the folder, in order of its id."""
    names = [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
    found: list[Rule] = [import_module(f"{__name__}.{name}").RULE for name in names]
    return tuple(sorted(found, key=lambda rule: rule.id))


@cache
def rule(name: str) -> Rule:
    """The rule with this id."""
    return next(rule for rule in rules() if rule.id == name)
