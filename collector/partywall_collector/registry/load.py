"""Loads registry files into the store: all of them, or nothing if one has a mistake."""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

from partywall.fingerprint_keys import Keys
from partywall.identifiers import BUILT_IN, fingerprint
from partywall.request import read_request
from partywall_collector.registry.document import PROBLEMS_SHOWN, Problem
from partywall_collector.registry.model import (
    FOREVER,
    KINDS,
    WHEN_LOADED,
    Approval,
    Canary,
    Credential,
    Principal,
    Record,
    Session,
    Tenant,
)
from partywall_collector.registry.placement import limits, place
from partywall_collector.registry.read import Read, read_files, refuse_unknown_tenants
from partywall_collector.registry.schema import RecordT, record_of, row, slots
from partywall_collector.store import Store, statement
from partywall_collector.store.home import Home
from partywall_collector.store.schema import kinds_of

CURRENT = statement("partywall_collector.registry.sql", "current")
NAMED = statement("partywall_collector.registry.sql", "credentials_named")
KNOWN = statement("partywall_collector.registry.sql", "known")
KNOWN_PATTERNS = statement("partywall_collector.registry.sql", "known_patterns")

_ASKED = 2_000


class RegistryRefused(Exception):
    """Registry files with mistakes; nothing of them was loaded. Met by whoever loads them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(_shown(problems)))
        self.problems = tuple(problems)


@dataclass(slots=True)
class Loaded:
    """How many entries the files held, and how many rows were new or changed, by kind."""

    read: dict[str, int] = field(default_factory=dict[str, int])
    written: dict[str, int] = field(default_factory=dict[str, int])


def load(paths: Sequence[Path], store: Store | None, *, check: bool = False) -> Loaded:
    """Read registry files and append what is new or changed.

    With `check`, or without a store, nothing is written. Raises RegistryRefused.
    """
    reads, problems = read_files(paths, kinds_of(store) if store else BUILT_IN)
    registered = [tenant.id for tenant in current(store, Tenant)] if store else []
    problems += refuse_unknown_tenants(reads, registered)
    if problems:
        raise RegistryRefused(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    if check or store is None:
        return Loaded(read=_counts(read.record for read in reads))
    return write(completed(reads, store), store)


def completed(reads: Sequence[Read], store: Store) -> list[Record]:
    """Add what the files do not say: the facts of texts and the tokens that stay valid."""
    texts = any(read.text for read in reads)
    every = Home(store.home).fingerprint_keys() if texts else Keys()
    in_force = every.at(time.time())
    keys = [key.secret for key in in_force.arguments] if in_force else []
    kinds = kinds_of(store)

    @cache  # requests of a template are the same text many times over
    def facts(text: str) -> str:
        return read_request(text, *keys, kinds=kinds).to_json()

    named = any(isinstance(read.record, Principal) for read in reads)
    principals = current(store, Principal) if named else []
    tokens = {principal.id: principal.token_sha256 for principal in principals}
    records: list[Record] = []
    for read in reads:
        record = read.record
        if isinstance(record, Session) and read.text:
            record = replace(record, facts=facts(read.text))
        elif isinstance(record, Canary) and read.text:
            (planted,) = kinds.find(read.text)
            # Under every key: one that has ended is that of calls which are stored.
            made = {fingerprint(key.secret, planted.kind, planted.value) for key in every}
            record = replace(record, fingerprints=tuple(sorted(made)))
        elif isinstance(record, Principal) and not record.token_sha256:
            record = replace(record, token_sha256=tokens.get(record.id, ""))
        records.append(record)
    return records


def current(store: Store, kind: type[RecordT]) -> list[RecordT]:
    """Return the records of one kind that are in force."""
    return [record_of(kind, columns) for columns in _rows(store, kind)]


def known(
    store: Store,
    kind: type[RecordT],
    *,
    at: datetime | None = None,
    names: Collection[str] | None = None,
    matching: Collection[str] | None = None,
) -> dict[RecordT, datetime]:
    """Return the records that were in force at a time, now if it is None, and since when.

    `names` are those of the kind's first identifying field, or, where this is a pattern, `matching`
    are all that it shall be held against; without them all records are returned. What was recorded
    later is not known yet, whatever time it speaks of.
    """
    identity = [slot for slot in slots(kind) if slot.identifies]
    if matching is None:
        rows = store.rows(KNOWN, _asked(kind, at, names) | {"all": names is None})
    else:
        rows = store.rows(KNOWN_PATTERNS, _asked(kind, at, matching))
    newest: dict[tuple[Any, ...], tuple[RecordT, datetime]] = {}
    for columns in rows:
        record = record_of(kind, columns)
        name = tuple(getattr(record, slot.name) for slot in identity)
        newest[name] = record, _utc(columns["recorded_at"])
        if columns.get("retired"):
            del newest[name]
    return dict(newest.values())


def approvals_by_time(
    store: Store, *, at: datetime | None = None, names: Collection[str] | None = None
) -> dict[tuple[str, str], list[tuple[datetime, Approval]]]:
    """Every version of approvals by tenant and id, the newest last, and when each was recorded.

    Of those with one of `names`, else of all; what came later than `at` is not known yet.
    """
    found: defaultdict[tuple[str, str], list[tuple[datetime, Approval]]] = defaultdict(list)
    for columns in store.rows(KNOWN, _asked(Approval, at, names) | {"all": names is None}):
        version = record_of(Approval, columns)
        claimed = version.recorded != WHEN_LOADED
        recorded = version.recorded if claimed else _utc(columns["recorded_at"])
        found[version.tenant, version.id].append((recorded, version))
    return dict(found)


def _asked(
    kind: type[object], at: datetime | None, names: Collection[str] | None
) -> dict[str, Any]:
    """The parameters that read records of a kind by their first identifying column."""
    return {
        "table": cast("Any", kind).kind,
        "column": next(slot.column for slot in slots(kind) if slot.identifies),
        "at_us": round((at or FOREVER).timestamp() * 1e6),
        "names": sorted(names or ()),
    }


def credentials_named(store: Store, names: Collection[str]) -> list[Credential]:
    """Return some of the credentials that are in force; there may be one for every session."""
    wanted, found = sorted(names), list[Credential]()
    for first in range(0, len(wanted), _ASKED):
        parameters = {"ids": wanted[first : first + _ASKED]}
        found += [record_of(Credential, columns) for columns in store.rows(NAMED, parameters)]
    return found


def write(records: Sequence[Record], store: Store) -> Loaded:
    """Append records that differ from those in force."""
    loaded = Loaded(read=_counts(records))
    for kind in KINDS:
        ours = [record for record in records if record.kind == kind]
        if ours:
            loaded.written[kind] = append(kind, ours, _rows(store, KINDS[kind]), store)
    return loaded


def append(
    kind: str, records: Iterable[Record], stored: Sequence[Mapping[str, Any]], store: Store
) -> int:
    """Append the records of one kind that differ from those in force; return how many do.

    `stored` are the rows of the same names, the newest of each last.
    """
    identity = [slot for slot in slots(KINDS[kind]) if slot.identifies]
    in_force: dict[tuple[Any, ...], Record] = {}
    newest = datetime.fromtimestamp(0, UTC)
    for columns in stored:
        record = record_of(KINDS[kind], columns)
        in_force[tuple(getattr(record, slot.name) for slot in identity)] = record
        newest = max(newest, _utc(columns["recorded_at"]))
    fresh = [
        record
        for record in records
        if in_force.get(tuple(getattr(record, slot.name) for slot in identity)) != record
    ]
    # The newest row is in force, so a clock that went back must not put ours behind the old one.
    recorded_at = max(datetime.now(UTC), newest + timedelta(microseconds=1))
    rows = [{**row(record), "recorded_at": recorded_at} for record in fresh]
    if kind == Tenant.kind:
        placed = {columns["tenant_id"]: columns["placement"] for columns in stored}
        place(rows, placed, limits(store))
    if rows:
        store.insert(kind, rows)
    return len(rows)


def _rows(store: Store, kind: type[Any]) -> list[dict[str, Any]]:
    return store.rows(CURRENT, {"view": f"current_{kind.kind}"})


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _counts(records: Iterable[Record]) -> dict[str, int]:
    return dict(Counter(record.kind for record in records))


def _shown(problems: Sequence[Problem]) -> Iterator[str]:
    """The first mistakes of each file, as lines."""
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for name, ours in by_file.items():
        yield from map(str, ours[:PROBLEMS_SHOWN])
        if len(ours) > PROBLEMS_SHOWN:
            yield f"{name}: and {len(ours) - PROBLEMS_SHOWN} more"
