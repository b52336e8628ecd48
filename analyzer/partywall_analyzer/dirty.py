"""Which keys are dirty after new loads: those whose findings may differ from what they were.

The root are traces: those of new spans, of calls that a changed record is about, and of calls that
hold a value which came to prove nothing or something again. From there the sessions and credentials
that take part, and the sessions that hold a value of those calls at which tenants meet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from partywall.attributes import SESSION_CLOSE
from partywall_analyzer.keys import Key
from partywall_analyzer.limits import Limits
from partywall_analyzer.rules import rules
from partywall_collector.registry import matches, matches_party
from partywall_collector.registry.model import KINDS
from partywall_collector.store import Store, statement

Run = Callable[[str], None]
"""Runs a statement of this package by its name, over the tables of an analysis."""

Open = Callable[[], None]
"""Opens the calls of what is dirty by now, and judges the values that they hold."""

TOO_MANY: Final = 5_000
"""If the changed records are about more names than that, everything is analyzed."""

_SQL: Final = "partywall_analyzer.sql"

MADE: Final = (*("dirty_traces", "changed_values", "dirty_values"),)
"""The tables that the steps make."""


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last analysis, as the parameters of the steps."""

    parameters: Mapping[str, Any]
    records: frozenset[str]
    """The kinds of records in the registry of which there are new ones."""

    @property
    def names(self) -> int:
        """How many names the changed records are about."""
        lists = (value for name, value in self.parameters.items() if not name.startswith("new_"))
        return sum(len(value) for value in lists)

    @property
    def empty(self) -> bool:
        """Whether nothing came."""
        return not any(self.parameters.values())

    @classmethod
    def read(
        cls,
        store: Store,
        loads: Mapping[str, Sequence[int]],
        *,
        before: int,
        at: int,
        overdue: tuple[int, int],
    ) -> "News":
        """What the new loads of each table are about, and which sessions settled meanwhile.

        The last analysis was at `before`, this one is `at` (microseconds); `overdue` says up to
        which load a session had to be closed then, and now.
        """
        closes = store.rows(
            statement(_SQL, "settled_loads"),
            {"settled_before": settled(before), "settled": settled(at)}
            | {"close_record": SESSION_CLOSE},
        )

        def records(table: str) -> list[dict[str, Any]]:
            if not loads[table]:
                return []
            parameters = {"table": table, "loads": list(loads[table])}
            return store.rows(statement(_SQL, "changed_records"), parameters)

        approvals, credentials = records("approvals"), records("credentials")
        grants = [*approvals, *records("relations")]
        renamed = _distinct(row["tenant_id"] for row in records("tenants"))
        datasets, parties = records("datasets"), records("parties")
        patterns = [(row["kind"], row["pattern"]) for row in parties]
        requests = _distinct(
            (row["tenant_id"], name)
            for row in records("sessions")
            for name in (row["request_id"], row["session_id"])
            if name
        )
        return cls(
            {
                "new_spans": list(loads["spans"]),
                "new_calls": list(loads["calls"]),
                "new_closes": [int(row["at"]) for row in closes],
                "new_overdue": list(overdue) if overdue[0] < overdue[1] else [],
                "changed_approvals": _distinct(row["approval_id"] for row in approvals),
                "changed_credentials": _distinct(row["credential_id"] for row in credentials),
                "changed_datasets": _datasets(store, [row["pattern"] for row in datasets]),
                "changed_parties": _parties(store, patterns),
                "party_tenants": _distinct(row["tenant_id"] for row in parties),
                "changed_requests": requests,
                "changed_canaries": _canaries(store, loads["canaries"]),
                "changed_tools": _distinct(row["tool"] for row in records("tools")),
                "renamed_tenants": renamed,
                "changed_tenants": _distinct((*(row["tenant_id"] for row in grants), *renamed)),
            },
            frozenset(table for table in KINDS if loads.get(table)),
        )


def settled(at: int) -> int:
    """Up to which load, in microseconds, nothing of a session is on the way any more."""
    return at - Limits.read().settle * 1_000_000


def find_roots(news: News, run: Run) -> None:
    """Fill in the traces that are dirty by themselves, and their sessions."""
    run("dirty_traces")
    if news.names:
        run("dirty_traces_of_records")
    run("dirty_sessions")
    if news.parameters["new_overdue"]:
        run("dirty_overdue_sessions")


def find_dirty(
    store: Store, news: News, names: Mapping[str, Any], run: Run, open_calls: Open
) -> None:
    """Fill the tables of dirty keys, from their roots, to which `names` gives names of their own.

    The calls of dirty traces are opened first, because they tell which values to judge. Who else
    holds a value is looked for only if the value changed, or if tenants meet at it.
    """

    def is_any(table: str) -> bool:
        return store.rows(statement(_SQL, "is_any"), {"table": names[table]})[0]["found"]

    open_calls()
    run("changed_values")
    if is_any("changed_values"):
        run("dirty_traces_of_values")
        run("dirty_sessions")
        open_calls()
    run("dirty_values")
    if is_any("dirty_values"):
        run("dirty_sessions_of_values")
        open_calls()
    if news.parameters["changed_tenants"]:
        _dirty_keys_of_tenants(store, news, names)
        open_calls()
    run("dirty_credentials")


def _dirty_keys_of_tenants(store: Store, news: News, names: Mapping[str, Any]) -> None:
    opens = {each.id: each.opens for each in rules()}
    cited = store.rows(
        statement(_SQL, "dirty_keys_of_tenants"),
        {name: news.parameters[name] for name in ("changed_tenants", "renamed_tenants")},
    )
    for key in Key:
        found = {row[key] for row in cited if opens.get(row["rule"]) is key}
        if key is Key.TRACE:
            found = {bytes.fromhex(trace) for trace in found}
        elif key is Key.VALUE:
            found = {int(value, 16) for value in found}
        store.insert(names[key.dirty], [{key.value: name} for name in found])


def _distinct(values: Any) -> list[Any]:
    return sorted(set(values))


def _canaries(store: Store, loads: Sequence[int]) -> list[int]:
    """The fingerprints that changed canaries have or had."""
    if not loads:
        return []
    rows = store.rows(statement(_SQL, "changed_canaries"), {"loads": list(loads)})
    return [int(row["value"]) for row in rows]


def _datasets(store: Store, patterns: Sequence[str]) -> list[str]:
    """The datasets of calls that changed patterns match."""
    if not patterns:
        return []
    every = {"everything": True, "new_calls": list[int]()}
    named = sorted({row["id"] for row in store.rows(statement(_SQL, "named_datasets"), every)})
    return [name for name in named if any(matches(pattern, name) for pattern in patterns)]


def _parties(store: Store, patterns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parties of calls that changed patterns match."""
    if not patterns:
        return []
    named = [(row["kind"], row["value"]) for row in store.rows(statement(_SQL, "named_in_store"))]
    return [
        (kind, value)
        for kind, value in named
        if any(of == kind and matches_party(pattern, kind, value) for of, pattern in patterns)
    ]
