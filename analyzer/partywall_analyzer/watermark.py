"""What an analysis has seen, and what came since: spans, calls and records of the registry.

All rows of one load have one time, so a load is known by that time and its number of rows. Loads of
the last minutes are kept one by one, because one that began earlier may be visible later; of older
ones only the number of rows is kept. If that changes, because data was erased or a load came in
very late, everything is analyzed anew.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from partywall_analyzer.limits import Limits
from partywall_analyzer.rules import rules
from partywall_analyzer.together import together
from partywall_collector.store import Store, statement

OVERLAP: Final = 600_000_000
"""Microseconds: a load that takes longer than this makes the next analysis a whole one."""

TABLES: Final = {"spans": "loaded_at", "calls": "loaded_at"} | dict.fromkeys(
    (
        *("tenants", "datasets", "parties", "relations", "approvals", "credentials", "sessions"),
        *("tools", "canaries"),
    ),
    "recorded_at",
)
"""What findings follow from, and the column that holds the time of a load."""

_SQL: Final = "partywall_analyzer.sql"


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of one table: how many before `floor` (microseconds), and by load since then."""

    floor: int
    before: int
    loads: Mapping[int, int]

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.before + sum(self.loads.values())

    @property
    def newest(self) -> int:
        """When the newest load was, in microseconds."""
        return max(self.loads, default=self.floor)

    def news(self, earlier: "Seen") -> list[int] | None:
        """The loads that came since an earlier look; None if what was old then has changed."""
        if self.floor != earlier.floor or self.before != earlier.before:
            return None
        if any(at not in self.loads or self.loads[at] < n for at, n in earlier.loads.items()):
            return None
        return [at for at, n in self.loads.items() if earlier.loads.get(at) != n]

    def trimmed(self) -> "Seen":
        """Without the loads that are old by now."""
        floor = max(self.floor, self.newest - OVERLAP)
        kept = {at: n for at, n in self.loads.items() if at >= floor}
        return Seen(floor, self.rows - sum(kept.values()), kept)


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far an analysis has seen, table by table."""

    tables: Mapping[str, Seen]
    at: int
    """When, in microseconds since 1970, by the clock of the analyzer."""

    @property
    def overdue(self) -> int:
        """What was loaded up to then, in microseconds, is older than a session may be.

        By the newest load, not by a clock; it goes on in steps, so that few analyses look.
        """
        life = Limits.read().session_life
        step = max(1, life // 24) * 1_000_000
        return max(0, self.tables["spans"].newest - life * 1_000_000) // step * step

    @classmethod
    def look(cls, store: Store, earlier: "Watermark | None" = None) -> "Watermark":
        """What is there now, told apart from the floor of an earlier look on."""
        at = time.time_ns() // 1_000
        tables: dict[str, Seen] = {}

        def look(table: str) -> None:
            tables[table] = _look(store, table, earlier.tables[table].floor if earlier else None)

        together(partial(look, table) for table in TABLES)
        return cls(tables, at)

    def news(self, earlier: "Watermark") -> dict[str, list[int]] | None:
        """The new loads by table; None if only a whole analysis can tell."""
        found: dict[str, list[int]] = {}
        for table, seen in self.tables.items():
            news = seen.news(earlier.tables[table])
            if news is None:
                return None
            found[table] = news
        return found

    @classmethod
    def last(cls, store: Store) -> "Watermark | None":
        """That of the newest analysis with these rules; None if there is none."""
        for row in store.rows(statement(_SQL, "last_analysis")):
            if row["rules"] == _rules():
                raw = json.loads(row["seen"])
                at = raw.pop("at", None)
                if raw.keys() == TABLES.keys() and at is not None:
                    return cls({table: _seen(**seen) for table, seen in raw.items()}, at)
        return None

    def keep(self, store: Store, *, whole: bool, spans: int, seconds: float) -> "Watermark":
        """Append it to the analyses of the store; return what `last` will read."""
        kept = Watermark({name: seen.trimmed() for name, seen in self.tables.items()}, self.at)
        seen: dict[str, Any] = {name: asdict(each) for name, each in kept.tables.items()}
        seen["at"] = self.at
        row = {"recorded_at": datetime.now(UTC), "rules": _rules(), "whole": whole}
        store.insert(
            "analyses",
            [row | {"seen": json.dumps(seen), "spans": spans, "seconds": round(seconds, 3)}],
        )
        return kept


def _seen(floor: int, before: int, loads: Mapping[str, int]) -> Seen:
    return Seen(floor, before, {int(at): n for at, n in loads.items()})


def _look(store: Store, table: str, floor: int | None) -> Seen:
    names = {"table": table, "column": TABLES[table]}
    if floor is None:
        latest = int(store.rows(statement(_SQL, "latest_load"), names)[0]["at"])
        floor = max(0, latest - OVERLAP)
    rows = store.rows(statement(_SQL, "loads"), names | {"floor": floor})
    loads = {int(row["at"]): int(row["n"]) for row in rows}
    return Seen(floor, loads.pop(floor - 1, 0), loads)


def _rules() -> str:
    """A digest of rules and limits: others may find other things in what was already seen."""
    texts = [repr(Limits.read()), *(f"{each!r}{each.statement()}" for each in rules())]
    return hashlib.blake2b("\x00".join(texts).encode(), digest_size=8).hexdigest()
