"""Takes entries of the registry back: from now on they are not in force, and stay as history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from partywall_collector.registry.load import known, write
from partywall_collector.registry.model import (
    KINDS,
    Approval,
    Canary,
    Credential,
    DatasetOwner,
    Issuer,
    Party,
    Principal,
    Record,
    Relation,
    Tool,
)
from partywall_collector.registry.schema import row, slots
from partywall_collector.store import Store

RETIRED: Final = (
    DatasetOwner,
    Party,
    Tool,
    Relation,
    Approval,
    Credential,
    Principal,
    Issuer,
    Canary,
)
"""The kinds that can be taken back. A tenant's rows are erased, a session is what happened."""

_FIRST: Final = ("tenant", "party_kind")
"""Identifying fields that come before the name by which one speaks of an entry."""


def found(store: Store, kind: str, name: str, tenant: str = "") -> dict[Record, datetime]:
    """The entries in force with this name, and since when; with a tenant, that one's only."""
    record = KINDS[kind]
    own = next(s.name for s in slots(record) if s.identifies and s.name not in _FIRST)
    return {
        each: recorded
        for each, recorded in known(store, record).items()
        if getattr(each, own) == name and tenant in ("", getattr(each, "tenant", ""))
    }


def retire(store: Store, entries: dict[Record, datetime]) -> None:
    """Take entries back: what has an end gets it now, what has none is there no longer."""
    now = datetime.now(UTC)
    for entry, recorded in entries.items():
        match entry:
            case Relation() | Canary():
                write([replace(entry, valid_until=min(entry.valid_until, now))], store)
            case Approval() | Credential():
                write([replace(entry, revoked=min(entry.revoked, now))], store)
            case Principal():
                write([Principal(id=entry.id, tenants=())], store)
            case Issuer():
                write([replace(entry, tenants=())], store)
            case _:
                # The newest row counts, also where a clock went back.
                at = max(now, recorded + timedelta(microseconds=1))
                gone: dict[str, Any] = {**row(entry), "retired": True, "recorded_at": at}
                store.insert(entry.kind, [gone])
