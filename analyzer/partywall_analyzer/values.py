"""What is known of values: how many tenants hold one, and whether it proves anything.

A value of which nothing is known is held for one tenant, at its own data: it proves that data moved
within that tenant. All values are judged at once, or those that are asked for, when they are; then
the calls that hold them are read once, and judged from.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from partywall_analyzer.chunked import chunked
from partywall_collector.store import Store, statement

COLUMNS: Final = {
    "asked": "value UInt64",
    "judged": "value UInt64",
    "facts": "value UInt64, tenants UInt8, tenants_before UInt8, is_foreign Bool, is_changed Bool, "
    "is_public_somewhere Bool, is_public Bool, was_public Bool",
}
"""The tables; a value may have several facts, and what one of them says counts."""

_SQL: Final = "partywall_analyzer.sql"
_STEPS: Final = ("shared_values", "values_of_datasets", "public_values")
_ASKED: Final = 20_000
_WIDE: Final = 9
"""More tenants are not counted."""


def used(sql: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a statement mentions."""
    return {name: value for name, value in names.items() if f"{{{name}:" in sql}


class Values:
    """Judges the values of one analysis.

    `run` runs a statement of this package by its name; `names` are the names of the tables.
    """

    def __init__(
        self, store: Store, names: Mapping[str, Any], run: Callable[[str], None], *, whole: bool
    ) -> None:
        self._store = store
        self._names = names
        self._run = run
        self._whole = whole

    def judge_all(self) -> None:
        """Judge every value."""
        for step in _STEPS:
            self._run(step)

    def know(self, wide: Collection[int]) -> None:
        """Take it as judged that more than eight tenants hold these values, now and before."""
        held = {"tenants": _WIDE, "tenants_before": _WIDE}
        self._store.insert(self._names["facts"], [held | {"value": value} for value in wide])
        self._store.insert(self._names["judged"], [{"value": value} for value in wide])

    def judge_open(self) -> None:
        """Judge the values that open calls hold."""
        self._forget()
        self._run("asked_values")
        self._judge()

    def ignored_among(self, values: Collection[int]) -> set[int]:
        """Which of some values, open or not, prove nothing."""
        found: set[int] = set()
        wanted = sorted(values)
        for chunk in chunked(wanted, _ASKED):
            some = {"values": chunk}
            if not self._whole:
                self._forget()
                self._store.command(*self._bound("unjudged_values", some))
                self._judge()
            rows = self._store.rows(*self._bound("ignored_among", some))
            found |= {int(row["value"]) for row in rows}
        return found

    def _forget(self) -> None:
        self._store.command(f"TRUNCATE TABLE {self._names['asked']}")

    def _judge(self) -> None:
        any_asked = {"table": self._names["asked"]}
        if self._store.rows(statement(_SQL, "is_any"), any_asked)[0]["found"]:
            for step in ("valued_calls", *_STEPS, "judged_values"):
                self._run(step)

    def _bound(self, name: str, more: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        sql = statement(_SQL, name)
        return sql, used(sql, {**self._names, **more})
