"""Findings as the terminal and the dashboard read them, each function below a scope of tenants."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from partywall_analyzer.halves import ANOTHER
from partywall_analyzer.model import EXTERNAL, Finding, Severity, Verdict
from partywall_analyzer.responses import responses_to
from partywall_analyzer.standing import LIVE
from partywall_collector.registry import ANY
from partywall_collector.store import Store, statement

_SQL: Final = "partywall_analyzer.sql"
_ID: Final = re.compile(r"F-[0-9a-f]{4,24}")


@dataclass(frozen=True, slots=True)
class Scope:
    """The tenants that a reader may see; None is the operator, who sees all.

    A finding is in scope only if both its tenants are (what lies outside all tenants is nobody's).
    """

    tenants: tuple[str, ...] | None = None

    def parameters(self) -> dict[str, Any]:
        """Query parameters that every statement binds."""
        return {
            "everything": self.tenants is None,
            "tenants": list(self.tenants or ()),
            "external": EXTERNAL,
        }

    def named(self, tenant: str) -> str:
        """How this reader is told of a tenant: of one that is not in scope under a pseudonym."""
        return tenant if self.sees(tenant) else ANOTHER

    def sees(self, *tenants: str) -> bool:
        """Whether one of these tenants is in scope; `*`, which is everybody, is for all."""
        return self.tenants is None or not {ANY, *self.tenants}.isdisjoint(tenants)


OPERATOR: Final = Scope(None)


@dataclass(frozen=True, slots=True)
class FindingPage:
    """The most urgent findings that match, and how many match in all."""

    rows: list[Finding]
    total: int


class TenantPair(NamedTuple):
    """How many open findings lead from one tenant to another."""

    from_tenant: str
    to_tenant: str
    n: int


class TrendPoint(NamedTuple):
    """How many open findings of one severity were last seen on one day (ISO date, UTC)."""

    day: str
    severity: Severity
    n: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The numbers at the head of the overview."""

    findings: int
    by_severity: dict[Severity, int]
    by_verdict: dict[Verdict, int]
    spans: int
    calls: int
    tenants: int
    quarantined: int


def list_findings(
    store: Store,
    scope: Scope,
    *,
    since: datetime | None = None,
    ids: Sequence[str] = (),
    severities: Sequence[str] = (),
    verdicts: Sequence[str] = (),
    states: Sequence[str] = LIVE,
    rules: Sequence[str] = (),
    from_tenant: str = "",
    to_tenant: str = "",
    search: str = "",
    limit: int = 200,
) -> FindingPage:
    """The findings that match, most urgent first; an empty filter matches all."""
    rows = _list(
        store,
        scope,
        since_us=_microseconds(since),
        ids=list(ids),
        severities=list(severities),
        verdicts=list(verdicts),
        states=list(states),
        rules=list(rules),
        from_tenant=from_tenant,
        to_tenant=to_tenant,
        search=search,
        limit=max(1, limit),
    )
    total = int(rows[0]["total"]) if rows else 0
    return FindingPage([Finding.from_row(row) for row in rows], total)


def get_finding(store: Store, scope: Scope, finding: str) -> Finding | None:
    """The finding with this id, or with this beginning of an id if only one has it.

    A finding out of scope gives the same None as one that does not exist.
    """
    wanted = finding.strip().lower().replace("f-", "F-", 1)
    if not wanted.startswith("F-"):
        wanted = f"F-{wanted}"
    if not _ID.fullmatch(wanted):
        return None
    rows = _list(store, scope, ids=[wanted], limit=2)
    if len(rows) != 1:
        return None
    found = Finding.from_row(rows[0])
    answers = responses_to(store, [found.id], scope.tenants)
    return replace(found, responses=tuple(answers))


def tenant_matrix(store: Store, scope: Scope, *, since: datetime | None = None) -> list[TenantPair]:
    """Open findings by pair of tenants, authorised ones left out."""
    pairs: Counter[tuple[str, str]] = Counter()
    for row in _count(store, scope, since):
        if row["verdict"] != Verdict.AUTHORISED:
            pairs[row["from_tenant"], row["to_tenant"]] += int(row["n"])
    return [TenantPair(source, target, n) for (source, target), n in sorted(pairs.items())]


def trend(store: Store, scope: Scope, *, since: datetime | None = None) -> list[TrendPoint]:
    """Open findings by day and severity, in order of time."""
    points: Counter[tuple[str, str]] = Counter()
    for row in _count(store, scope, since):
        points[row["day"], row["severity"]] += int(row["n"])
    return [TrendPoint(day, Severity(severity), n) for (day, severity), n in sorted(points.items())]


def totals(store: Store, scope: Scope, *, since: datetime | None = None) -> Totals:
    """How much there is: findings since a time, and all that is stored in scope."""
    counted = _count(store, scope, since)
    stored = store.rows(
        statement(_SQL, "count_records"),
        {k: v for k, v in scope.parameters().items() if k != "external"},
    )[0]
    return Totals(
        findings=sum(int(row["n"]) for row in counted),
        by_severity={
            severity: sum(int(row["n"]) for row in counted if row["severity"] == severity)
            for severity in Severity
        },
        by_verdict={
            verdict: sum(int(row["n"]) for row in counted if row["verdict"] == verdict)
            for verdict in Verdict
        },
        spans=int(stored["spans"]),
        calls=int(stored["calls"]),
        tenants=int(stored["tenants"]),
        quarantined=int(stored["quarantined"]),
    )


def _list(store: Store, scope: Scope, **filters: Any) -> list[dict[str, Any]]:
    unfiltered: dict[str, Any] = {
        "since_us": 0,
        "ids": [],
        "severities": [],
        "verdicts": [],
        "states": [],
        "rules": [],
        "from_tenant": "",
        "to_tenant": "",
        "search": "",
    }
    parameters = unfiltered | filters | scope.parameters()
    return store.rows(statement(_SQL, "list_findings"), parameters)


def _count(store: Store, scope: Scope, since: datetime | None) -> list[dict[str, Any]]:
    parameters = {"since_us": _microseconds(since), "live": list(LIVE)} | scope.parameters()
    return store.rows(statement(_SQL, "count_findings"), parameters)


def _microseconds(time: datetime | None) -> int:
    return 0 if time is None else round(time.timestamp() * 1e6)
