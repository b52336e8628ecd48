"""Tables of one analysis: what the registry says about the names in the calls, and open calls.

They live in memory, have names of their own, and are dropped at the end, so that analyses can run
side by side. What an analysis that was killed left behind is dropped an hour later: the name tells
its age, because ClickHouse gives a table that is being made the time of 1970.
"""

import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from partywall import identifiers
from partywall.attributes import SESSION_CLOSE
from partywall_analyzer.datasets import Datasets
from partywall_analyzer.dirty import MADE, News, find_dirty, find_roots, settled
from partywall_analyzer.keys import Key
from partywall_analyzer.limits import Limits
from partywall_analyzer.model import DENIALS, EXTERNAL, SEVERAL
from partywall_analyzer.rules import Rule, rules
from partywall_analyzer.spread import COLUMNS as SPREAD
from partywall_analyzer.spread import Spread
from partywall_analyzer.together import together
from partywall_analyzer.values import COLUMNS, Values, used
from partywall_collector.registry import Registry
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"
_PREFIX: Final = "analysis_"
_FROM_REGISTRY: Final = {
    "owners": "id String, owner String, sensitive Bool",
    "commons": "id String",
    "strangers": "tenant_id String, id String",
    "parties": "tenant_id String, session_id String, request_id String, "
    "kind String, value String, owner String",
    "epochs": "one UInt8, at DateTime64(9, 'UTC'), n UInt32",
}
_DIRTY: Final = {
    "dirty_sessions": "session_id String",
    "dirty_credentials": "credential_id String",
    "dirty_identities": "identity String",
    "wide_values": "value UInt64",
}
_ASKED: Final = {"asked_traces": "trace_id FixedString(16)"}
_NOTHING_NEW: Final = {"new_calls": list[int](), "changed_datasets": list[str]()}

_WHERE_TENANTS_MEET: Final = (
    *("mixed_sessions", "mixed_runs", "meeting", "ignored", "telling", "met", "touches"),
    *("held", "had"),
)
_OF_SPANS: Final = ("mixed_traces", "linked")
_OF_SESSIONS: Final = ("numbered_sessions", "session_records")
_OF_CANARIES: Final = ("sighted", "sightings")
_DERIVED: Final = (
    *(*_WHERE_TENANTS_MEET, *_OF_SPANS, *_OF_SESSIONS, *_OF_CANARIES, "deeds"),
    *("known_credentials", "calls_of_credentials", "credential_uses"),
)
"""What rules read beside open calls and spans."""

_READ: Final = (
    *("calls", "spans", "calls_of_credentials", "met", "touches", "held", "had", "mixed_traces"),
    *("deeds", "spread", "numbered_sessions", "session_records", "sightings"),
)
"""What a rule reads its crossings from: if all that it names is empty, it finds none."""

_RAW: Final = {"calls": "calls", "spans": "spans"}
"""What is opened for dirty keys; a whole analysis reads the tables of the store."""

_VALUED: Final = {"valued": "calls"}
"""Calls that hold values which are asked for: for a whole analysis all."""


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

    def __init__(
        self,
        store: Store,
        registry: Registry,
        datasets: Datasets,
        spread: Spread,
        at: int,
        news: News | None = None,
        *,
        overdue: int = 0,
    ) -> None:
        """Without news, every key is open; with them, the keys that they made dirty.

        `at` is the moment of the analysis; a session that began to come up to `overdue` must have
        been closed. Both are in microseconds.
        """
        self._store = store
        self._registry = registry
        self._datasets = datasets
        self._spread = spread
        self.news = news
        self._mark = mark = f"{_PREFIX}{int(time.time())}_{secrets.token_hex(6)}"
        self._full: set[str] = set()
        self._empty = _FROM_REGISTRY | COLUMNS | SPREAD | _DIRTY | _ASKED
        made = (*self._empty, *_DERIVED, "planted", "crossings")
        self._made = {name: f"{mark}_{name}" for name in made}
        if news:
            self._made |= {name: f"{mark}_{name}" for name in (*_RAW, *_VALUED, *MADE)}
        said: dict[str, Any] = asdict(Limits.read())
        said |= {"external": EXTERNAL, "several": SEVERAL, "denials": sorted(DENIALS)}
        said |= {"close_record": SESSION_CLOSE, "settled": settled(at), "overdue": overdue}
        self.names: dict[str, Any] = _RAW | _VALUED | _NOTHING_NEW | said | self._made
        self.names |= {"everything": news is None}
        self.names["approved_tools"] = sorted(registry.approved_tools)
        self._values = Values(store, self.names, self._run, whole=news is None)
        if news:
            self.names |= news.parameters
            for key in Key:
                opened = [rule.id for rule in rules() if rule.opens is key]
                self.names[f"rules_of_{key.plural}"] = opened

    def __enter__(self) -> Self:
        try:
            self._drop_left_over()
            for name, columns in self._empty.items():
                self._store.command(f"CREATE TABLE {self._made[name]} ({columns}) ENGINE = Memory")
            self._run("planted", "empty_crossings")
            if self.news:
                self._run("empty_calls", "empty_valued")
                self._values.know(self._spread.known)
                self.together(partial(find_roots, self.news, self._run), self._name_datasets)
                find_dirty(self._store, self.news, self.names, self._run, self._open_calls)
            else:
                self._name_datasets()
                self._values.judge_all()
            self.together(
                self._meet,
                self._fill_spread,
                self._look_at_deeds,
                self._open_credentials,
                self._open_spans,
                partial(self._run, "epochs"),
                partial(self._run, *_OF_SESSIONS),
                partial(self._run, *_OF_CANARIES),
            )
            self._look_what_is_full()
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
        return self._store.rows(sql, used(sql, self.names))

    def find_crossings(self, rule: Rule) -> None:
        """Keep what a rule finds at the keys that are open."""
        sql = rule.statement(dirty=self.news is not None)
        read = [name for name in _READ if f"{{{name}:" in sql]
        if not read or not self._full.isdisjoint(self.names[name] for name in read):
            self._store.command(sql, used(sql, self.names | {"rule": rule.id}))

    def candidates_of(self, rules: Collection[Rule]) -> list[dict[str, Any]]:
        """What these rules found, grouped."""
        sql = statement(_SQL, "group_candidates")
        ids = [rule.id for rule in rules]
        return self._store.rows(sql, used(sql, self.names | {"grouped_rules": ids}))

    def of_traces(self, name: str, traces: Collection[str]) -> list[dict[str, Any]]:
        """What a statement of this package reads of some traces, of open ones where they are open.

        It reads them from `some_calls` or from `some_spans`.
        """
        sql = statement(_SQL, name)
        raw = "calls" if "{some_calls:" in sql else "spans"
        self._ask(traces)
        found: list[dict[str, Any]] = []
        if self.news:
            among = {"open": self.names[raw], "asked_traces": self._made["asked_traces"]}
            opened = {
                row["trace"] for row in self._store.rows(statement(_SQL, "open_among"), among)
            }
            if opened:
                found = self._rows_of(sql, f"some_{raw}", self.names[raw])
                traces = [trace for trace in traces if trace not in opened]
                self._ask(traces)
        return found + (self._rows_of(sql, f"some_{raw}", raw) if traces else [])

    def of_values(
        self, name: str, values: Collection[int], every_load: bool
    ) -> list[dict[str, Any]]:
        """What a statement of this package reads of some values, of every load or of new ones.

        The calls that gave out a value that is judged in this analysis were read for that.
        """
        if not values:
            return []
        asked = self._made["asked_values"]
        self._store.command(f"TRUNCATE TABLE {asked}")
        self._store.insert(asked, [{"value": value} for value in values])
        sql = statement(_SQL, name)
        given = self.names["valued"] if every_load else "calls"
        return self._store.rows(
            sql, used(sql, self.names | {"every_load": every_load, "given": given})
        )

    def dirty_traces(self) -> set[str]:
        """The traces that may have changed; none that are told apart in a whole analysis."""
        if not self.news:
            return set()
        return {row["trace"] for row in self.rows(statement(_SQL, "dirty_trace_names"))}

    def ignored_among(self, values: Collection[int]) -> set[int]:
        """Which of some values, open or not, prove nothing."""
        return self._values.ignored_among(values)

    def together(self, *tasks: Callable[[], object]) -> None:
        """Run tasks that do not wait for each other; those of a whole analysis one by one.

        Each of its statements needs memory, and has every core to itself for long.
        """
        together(tasks, at_once=2 if self.news else 1)

    def _open_credentials(self) -> None:
        self._run("known_credentials", "open_calls_of_credentials", "credential_uses")

    def _meet(self) -> None:
        self._fill_parties()
        self._run(*_WHERE_TENANTS_MEET)

    def _look_at_deeds(self) -> None:
        if self.news:
            self._run("dirty_identities")
        self._run("deeds")

    def _open_spans(self) -> None:
        if self.news:
            self._run("open_spans")
        self._run(*_OF_SPANS)

    def _open_calls(self) -> None:
        self._run("open_calls")
        self._values.judge_open()

    def _ask(self, traces: Collection[str]) -> None:
        asked = self._made["asked_traces"]
        self._store.command(f"TRUNCATE TABLE {asked}")
        self._store.insert(asked, [{"trace_id": bytes.fromhex(trace)} for trace in traces])

    def _rows_of(self, sql: str, name: str, table: str) -> list[dict[str, Any]]:
        return self._store.rows(sql, used(sql, self.names | {name: table}))

    def _look_what_is_full(self) -> None:
        """Note which tables have rows, so that a rule that reads others only is not run."""
        filled = self._store.rows(statement(_SQL, "filled_tables"), {"mark": self._mark})
        self._full = {*_RAW.values(), *(row["name"] for row in filled)}

    def _run(self, *steps: str) -> None:
        for name in steps:
            sql = statement(_SQL, name)
            self._store.command(sql, used(sql, self.names))

    def _name_datasets(self) -> None:
        """Fill in whose the datasets of all calls are, and where a call is at another's."""
        named = self._datasets
        self._store.insert(self._made["owners"], list(named.owners.values()))
        self._store.insert(self._made["commons"], [{"id": name} for name in named.commons])
        self._store.insert(self._made["strangers"], named.strangers)

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

    def _fill_spread(self) -> None:
        self._run("dirty_wide_values" if self.news else "wide_values")
        wide = {row["value"] for row in self.rows(statement(_SQL, "wide_value_names"))}
        self._store.insert(self._made["spread"], self._spread.rows(wide, self.of_values))

    def _drop_left_over(self) -> None:
        for row in self._store.rows(statement(_SQL, "left_over_tables"), {"prefix": _PREFIX}):
            self._store.command(f"DROP TABLE IF EXISTS {row['name']}")

    def _drop(self) -> None:
        self._store.command(f"DROP TABLE IF EXISTS {', '.join(self._made.values())}")


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
