"""Takes a tenant's rows out of the store: all, those of a session or a person, or those of age.

Every step finds its rows anew and deletes them to the end, so that a run that was killed is simply
run again. The tables come from `row_policies`, so that a new one is erased as well. A finding of
the ledger has two sides: where the other one is a registered tenant, only this one's side goes,
and what a text of other tenants' findings says of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from partywall_collector.store.altering import alter
from partywall_collector.store.blinding import blinded, mentions, sides
from partywall_collector.store.errors import StoreError
from partywall_collector.store.row_policies import tables
from partywall_collector.store.statements import SQL, statement
from partywall_collector.store.store import Store

_LAST: Final = ("calls", "tenants")
"""`calls` says which sessions are a person's; `tenants` keeps new spans coming until the end."""

_IN_FINDING: Final = (
    "({tenant:String} IN (from_tenant, to_tenant, session_tenant) OR "
    "has(JSONExtract(chain, 'nodes', 'Array(Tuple(tenant String))').tenant, {tenant:String}))"
)
# Texts of a finding that is blinded already are not looked at: they are told anew.
_IN_TEXTS: Final = (
    "(subject != finding_id AND "
    "match(concatWithSeparator('\n', title, sentence, evidence), {mentions:String}))"
)
_OF_TENANT: Final = {
    "drills": "{tenant:String} IN (caller, owner)",
    "ledger": f"{_IN_FINDING} OR {_IN_TEXTS}",
    "quarantine": "has(claimed_tenants, {tenant:String})",
    "readers": "tenant_id = {tenant:String}",
    "responses": (
        "(tenant_id = {tenant:String} OR (tenant_id = '' AND match(note, {mentions:String})))"
    ),
}
_OF_SESSIONS: Final = {
    "ledger": f"{_IN_FINDING} AND (has({{sessions:Array(String)}}, session_id) "
    f"OR match(chain, {{mentions:String}}) OR {_IN_TEXTS})",
    "quarantine": "arrayExists(name -> position(span, name) > 0, {sessions:Array(String)})",
}
_AGED: Final = ("spans", "calls", "quarantine")
_TIMES: Final = ", ".join(
    f"toString({name}) AS {name}" for name in ("recorded_at", "first_seen", "last_seen")
)


class CannotErase(StoreError):
    """What was asked for cannot be erased; the text says why."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows of one table that are to go, or are gone; `blinded` ones stay without their one side."""

    table: str
    rows: int
    blinded: int = 0


def erase(
    store: Store, tenant: str, *, session: str = "", subject: str = "", dry_run: bool
) -> list[Erased]:
    """Delete a tenant's rows from every table; with a session or a subject, only theirs."""
    if not tenant:
        raise CannotErase("whose rows? Name the tenant")
    params: dict[str, Any] = {"tenant": tenant}
    sessions = [session] if session else None
    if subject:
        sql = statement(SQL, "erasure/sessions_of_subject")
        found = store.rows(sql, params | {"subject": subject})
        sessions = [row["session_id"] for row in found]
    if sessions is None:
        sql = "SELECT DISTINCT name FROM tenants WHERE tenant_id = {tenant:String}"
        params["mentions"] = mentions([tenant, *(row["name"] for row in store.rows(sql, params))])
    elif not sessions:
        return []
    else:
        params |= {"sessions": sessions, "mentions": mentions(sessions)}
    conditions = _conditions(store, sessions)
    stay = _blind(store, conditions["ledger"], params, dry_run=dry_run)
    gone = _deleted(store, conditions, params, dry_run=dry_run)
    return [
        Erased(each.table, each.rows - stay, stay) if each.table == "ledger" else each
        for each in gone
    ]


def _blind(store: Store, condition: str, params: Mapping[str, Any], *, dry_run: bool) -> int:
    """Add what stays of findings, beside the rows that are to be deleted; returns their number."""
    tenants = store.rows("SELECT tenant_id FROM current_tenants")
    others = {row["tenant_id"] for row in tenants} - {params["tenant"]}
    found = store.rows(f"SELECT * REPLACE ({_TIMES}) FROM ledger WHERE {condition}", params)
    kept = [blinded(row, params["tenant"]) for row in found if sides(row) & others]
    if kept and not dry_run:
        sql = f"SELECT finding_id, toString(recorded_at) AS at FROM ledger WHERE NOT ({condition})"
        # A run that was killed may have added some of them already.
        there = {tuple(row.values()) for row in store.rows(sql, params)}
        missing = [row for row in kept if (row["finding_id"], row["recorded_at"]) not in there]
        store.insert("ledger", missing)
    return len(kept)


def retain(store: Store, *, dry_run: bool = False) -> dict[str, list[Erased]]:
    """Delete what tenants have kept for long enough, by when it arrived; per tenant."""
    done: dict[str, list[Erased]] = {}
    for row in store.rows(statement(SQL, "erasure/retention")):
        own = {each.table: f"{each.tenant_column} = {{tenant:String}}" for each in tables()}
        old = "received_at < now64(9) - toIntervalDay({days:UInt32})"
        conditions = {
            table: f"({_OF_TENANT.get(table) or own[table]}) AND {old}" for table in _AGED
        }
        params = {"tenant": row["tenant_id"], "days": row["retention_days"]}
        gone = [each for each in _deleted(store, conditions, params, dry_run=dry_run) if each.rows]
        if gone:
            done[row["tenant_id"]] = gone
    return done


def still_sending(store: Store, tenant: str) -> list[str]:
    """The principals that may send for a tenant: what they send arrives in quarantine at best."""
    rows = store.rows(statement(SQL, "erasure/principals_of_tenant"), {"tenant": tenant})
    return [row["principal_id"] for row in rows]


def _conditions(store: Store, sessions: Sequence[str] | None) -> dict[str, str]:
    """Which rows of which table go, in the order in which they go."""
    found: dict[str, str] = {}
    for each in tables():
        column = f"{each.tenant_column} = {{tenant:String}}" if each.tenant_column else ""
        condition = _OF_TENANT.get(each.table, column)
        if condition and sessions is not None:
            own = _OF_SESSIONS.get(each.table)
            if own is None and _has_sessions(store, each.table):
                own = "has({sessions:Array(String)}, session_id)"
            condition = f"({condition}) AND {own}" if own else ""
        if condition:
            found[each.table] = condition
    return {
        table: found[table]
        for table in sorted(found, key=lambda name: (name in _LAST and _LAST.index(name) + 1, name))
    }


def _has_sessions(store: Store, table: str) -> bool:
    sql = (
        "SELECT count() AS n FROM system.columns WHERE database = currentDatabase() "
        "AND table = {table:String} AND name = 'session_id'"
    )
    return store.rows(sql, {"table": table}) == [{"n": 1}]


def _deleted(
    store: Store, conditions: Mapping[str, str], params: Mapping[str, Any], *, dry_run: bool
) -> list[Erased]:
    done: list[Erased] = []
    for table, condition in conditions.items():
        count = store.rows(f"SELECT count() AS n FROM {table} WHERE {condition}", params)[0]["n"]
        if count and not dry_run:
            alter(
                store,
                f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2",
                params,
            )
        done.append(Erased(table, count))
    return done
