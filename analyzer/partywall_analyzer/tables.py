"""Tables of one analysis: what the registry says about the names in the calls, and open calls.

They live in memory, have names of their own, and are dropped at the end, so that analyses can run
side by side. What an analysis that was killed left behind is dropped an hour later: the name tells
its age, because ClickHouse gives a table that is being made the time of 1970.
"""

import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from partywall import identifiers
from partywall_analyzer.dirty import MADE, News, find_dirty
from partywall_analyzer.keys import Key
from partywall_analyzer.model import EXTERNAL
from partywall_analyzer.rules import Rule, rules
from partywall_collector.registry import Registry
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"
_PREFIX: Final = "analysis_"
_ASKED: Final = 20_000
_FROM_REGISTRY: Final = {
    "owners": "id String, owner String, sensitive Bool",
    "commons": "id String",
    "parties": "tenant_id String, session_id String, request_id String, "
    "kind String, value String, owner String",
    "epochs": "one UInt8, at DateTime64(9, 'UTC'), n UInt32",
}
_USES: Final = {
    "asked": "value UInt64",
    "uses": "value UInt64, came_out Bool, tenant_id String, session_id String, "
    "trace_id FixedString(16), span_id FixedString(8), end_time DateTime64(9, 'UTC'), "
    "datasets Array(Tuple(id String, operation String)), is_new Bool",
}
"""Which values are asked for, and the calls that hold them: what dirty keys are told by."""

_DERIVED: Final = (
    *("meeting", "touches", "met", "ignored", "telling", "held", "mixed_traces", "credential_uses"),
)
"""What rules read beside open calls and spans, in the order in which it is made."""

_RAW: Final = {
    "calls": "calls",
    "calls_of_credentials": "calls",
    "calls_of_values": "calls",
    "spans": "spans",
}
_OPENING: Final = (*("calls", "spans", "calls_of_credentials", "values", "calls_of_values"),)
"""What is opened for dirty keys, in order; a whole analysis reads the tables of the store."""


@dataclass(frozen=True, slots=True)
class Named:
    """A party as a call names it: for which tenant, session and request."""

    tenant_id: str
    session_id: str
    request_id: str
    kind: str
    value: str


class Tables:
    """The tables of one analysis; `names` are the identifiers that its statements bind."""

    def __init__(self, store: Store, registry: Registry, news: News | None = None) -> None:
        """Without news, every key is open; with them, the keys that they made dirty."""
        self._store = store
        self._registry = registry
        self.news = news
        self._named: set[str] = set()
        mark = f"{_PREFIX}{int(time.time())}_{secrets.token_hex(6)}"
        self._made = {name: f"{mark}_{name}" for name in (*_FROM_REGISTRY, *_DERIVED)}
        if news:
            self._made |= {name: f"{mark}_{name}" for name in (*_RAW, *_USES, *MADE, "open_values")}
        self.names: dict[str, Any] = _RAW | {"external": EXTERNAL} | self._made
        if news:
            self.names |= news.parameters
            for key in Key:
                opened = [rule.id for rule in rules() if rule.opens is key]
                self.names[key.dirty.replace("dirty_", "rules_of_")] = opened

    def __enter__(self) -> Self:
        try:
            self._drop_left_over()
            for name, columns in (_FROM_REGISTRY | (_USES if self.news else {})).items():
                self._store.command(f"CREATE TABLE {self._made[name]} ({columns}) ENGINE = Memory")
            if self.news:
                find_dirty(self._store, self.news, self.names, self._run, self._name_datasets)
                for name in _OPENING:
                    self._run(f"open_{name}")
                self._name_datasets("calls_of_values")
            self._name_datasets("calls")
            self._fill_parties()
            self._run("epochs")
            for name in _DERIVED:
                self._run(name)
        except BaseException:
            self._drop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._drop()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query over these tables."""
        return self._store.rows(sql, _used(sql, self.names))

    def candidates_of(self, rule: Rule) -> list[dict[str, Any]]:
        """What a rule finds at the keys that are open."""
        return self.rows(rule.statement(dirty=self.news is not None))

    def ignored_among(self, values: Collection[int]) -> set[int]:
        """Which of some values, open or not, prove nothing."""
        found: set[int] = set()
        asked = sorted(values)
        for first in range(0, len(asked), _ASKED):
            some = {"values": asked[first : first + _ASKED]}
            found |= self._values("ignored_among", some)
            if self.news and (unopened := self._values("unopened_values", some)):
                self._store.command(f"TRUNCATE TABLE {self._made['asked']}")
                self._store.insert(self._made["asked"], [{"value": v} for v in sorted(unopened)])
                self._run("uses")
                self._name_datasets("uses")
                found |= self._values("ignored_values", {})
        return found

    def _values(self, name: str, parameters: Mapping[str, Any]) -> set[int]:
        sql = statement(_SQL, name)
        rows = self._store.rows(sql, {**_used(sql, self.names), **parameters})
        return {int(row["value"]) for row in rows}

    def _run(self, name: str) -> None:
        sql = statement(_SQL, name)
        self._store.command(sql, _used(sql, self.names))

    def _name_datasets(self, table: str) -> None:
        """Fill in whose the datasets in a table are, as far as that was not done before."""
        owners: list[dict[str, Any]] = []
        commons: list[dict[str, Any]] = []
        rows = self._store.rows(statement(_SQL, "named_datasets"), {"named_in": self.names[table]})
        for name in {row["id"] for row in rows} - self._named:
            self._named.add(name)
            owner = self._registry.owner(name)
            if owner and owner.ownership == "tenant":
                owners.append({"id": name, "owner": owner.tenant, "sensitive": owner.sensitive})
            elif owner and owner.ownership == "commons":
                commons.append({"id": name})
        self._store.insert(self._made["owners"], owners)
        self._store.insert(self._made["commons"], commons)

    def _fill_parties(self) -> None:
        named = Requested(self._registry)
        foreign = [
            row | {"owner": self._registry.party_owner(row["kind"], row["value"]) or EXTERNAL}
            for row in self.rows(statement(_SQL, "named_parties"))
            if self._registry.party(row["tenant_id"], row["kind"], row["value"]) == "foreign"
            and not named.holds(Named(**row))
        ]
        # A party of the tenant itself is not foreign, even where a pattern of another is narrower.
        crossing = [row for row in foreign if row["owner"] != row["tenant_id"]]
        self._store.insert(self._made["parties"], crossing)

    def _drop_left_over(self) -> None:
        for row in self._store.rows(statement(_SQL, "left_over_tables"), {"prefix": _PREFIX}):
            self._store.command(f"DROP TABLE IF EXISTS {row['name']}")

    def _drop(self) -> None:
        for name in self._made.values():
            self._store.command(f"DROP TABLE IF EXISTS {name}")


class Requested:
    """Which parties the requests themselves name."""

    def __init__(self, registry: Registry) -> None:
        self._named: set[tuple[str, str, str, str]] = set()
        for session in registry.sessions:
            for kind, value in session.named:
                for opened in {session.request, session.session} - {""}:
                    self._named.add((session.tenant, opened, kind, value))

    def holds(self, party: Named) -> bool:
        """Whether the request (or the session that it opened) names this party."""
        value = identifiers.normalise(party.kind, party.value)
        return any(
            (party.tenant_id, opened, party.kind, value) in self._named
            for opened in (party.request_id, party.session_id)
            if opened
        )


def _used(sql: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a statement mentions."""
    return {name: value for name, value in names.items() if f"{{{name}:" in sql}
