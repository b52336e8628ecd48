"""Governance records into the registry: whose they are, what they change, what is wrong with them.

A record, be it an event or an entry, is merged over the entry in force and goes through the checks
of a registry file. A sender changes what belongs to its own tenants and learns nothing of what
belongs to others.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from partywall.identifiers import BUILT_IN
from partywall_collector.principals import Principal
from partywall_collector.registry.document import (
    Document,
    Entry,
    Keys,
    Node,
    Scalar,
    tree_of,
)
from partywall_collector.registry.events import BadEvent, Said
from partywall_collector.registry.load import append, completed
from partywall_collector.registry.model import (
    ANY,
    SINGULAR,
    WHEN_LOADED,
    Approval,
    Canary,
    Credential,
    Record,
    Session,
    Tenant,
)
from partywall_collector.registry.read import read_entry
from partywall_collector.registry.schema import Slot, entry_of, record_of, slots
from partywall_collector.registry.values import TEXT_LIMIT
from partywall_collector.store import Store, statement
from partywall_collector.store.schema import kinds_of

HELD: Final = statement("partywall_collector.registry.sql", "held")

LOOKED_UP: Final = 4 * TEXT_LIMIT
"""Characters of the names that are looked up at once."""

_NOTHING: Final = Scalar("", "empty", 0)

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the records of one request."""

    refused: Mapping[int, BadEvent]
    changed: int
    """How many entries are new or changed; what is in force is not written again."""


class Governance:
    """Takes governance records into the registry of a store. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()

    def take(
        self, principal: Principal, records: Sequence[Said | BadEvent], *, whole: bool = False
    ) -> Taken:
        """Return when the records are stored: which are refused, by their place, and why.

        With `whole`, nothing is stored if one is refused. Raises `StoreError`; then nothing is
        promised, and the same records may be sent again.
        """
        with self._lock:  # what is in force must not change between the look and the append
            return _Batch(self._store, principal, records).take(whole=whole)


class _Batch:
    """The records of one request, and what they are about as it is in force."""

    def __init__(
        self, store: Store, principal: Principal, records: Sequence[Said | BadEvent]
    ) -> None:
        self._store = store
        self._principal = principal
        self._refused: dict[int, BadEvent] = {}
        self._said: dict[int, Said] = {}
        for place, record in enumerate(records):
            if isinstance(record, BadEvent):
                self._refused[place] = record
            else:
                self._said[place] = record
        self._rows: dict[type[Record], list[dict[str, Any]]] = {}
        self._in_force: defaultdict[Name, dict[Name, Record]] = defaultdict(dict)
        for kind in {one.event.record for one in self._said.values()}:
            first = _identity(kind)[0]
            names = {one.text(first.key) for one in self._said.values() if one.event.record is kind}
            self._rows[kind] = self._held(kind.kind, first.column, names)
            for row in self._rows[kind]:
                self._put(record_of(kind, row))
        read_once = Session in self._rows or Canary in self._rows
        self._kinds = kinds_of(store) if read_once else BUILT_IN
        named = {one.text(key) for one in self._said.values() for key in ("tenant", "grantee")}
        self._tenants = {row["tenant_id"] for row in self._held(Tenant.kind, "tenant_id", named)}

    def take(self, *, whole: bool) -> Taken:
        changed: defaultdict[type[Record], dict[Name, Record]] = defaultdict(dict)
        for place, one in self._said.items():
            try:
                record = self._merged(one)
            except BadEvent as error:
                self._refused[place] = error
            else:
                self._put(record)
                changed[one.event.record][_name(record)] = record
        count = 0
        if not (whole and self._refused):
            for kind, records in changed.items():
                count += append(kind.kind, records.values(), self._rows[kind], self._store)
        return Taken(dict(sorted(self._refused.items())), count)

    def _put(self, record: Record) -> None:
        name = _name(record)
        self._in_force[record.kind, name[0]][name] = record

    def _held(self, table: str, column: str, names: Iterable[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for some in _parts(sorted(name for name in names if 0 < len(name) <= TEXT_LIMIT)):
            rows += self._store.rows(HELD, {"table": table, "column": column, "names": some})
        return rows

    def _merged(self, said: Said) -> Record:
        """The entry as it is with the event; raises `BadEvent`."""
        event = said.event
        held = self._entry(said)
        before: Mapping[str, Node] = {}
        if held is not None:
            tree = tree_of(entry_of(held))
            assert isinstance(tree, Keys)
            before = tree.keys
        # A beginning that is recorded stays, unless it is said; an end is always the event's.
        times = (said.time, before) if not event.amends else (before, said.time)
        keys = {**times[0], **times[1], **said.keys}
        for slot in slots(event.record):
            if slot.required and slot.key not in keys:
                why = "is missing"
                if slot.key == event.time:
                    why += ", and the log record has no time"
                raise BadEvent(event.name, event.attribute(slot.key), why)
        record = self._read(said, keys)
        return record if held is None else _kept(record, held)

    def _entry(self, said: Said) -> Record | None:
        """The entry in force that the event is about, if the sender may change it."""
        event, tenant = said.event, said.text("tenant")
        for slot in _identity(event.record):
            if not isinstance(said.keys.get(slot.key, _NOTHING), Scalar):
                raise BadEvent(event.name, event.attribute(slot.key), "expected text")
        if tenant and not self._may(tenant):
            raise BadEvent(
                event.name,
                event.attribute("tenant"),
                f"the principal {self._principal.id} may not write for '{tenant}'",
                forbidden=True,
            )
        if event.record is Canary and self._principal.tenants != (ANY,):
            why = "only who writes for every tenant may register one: it tells who else holds it"
            raise BadEvent(event.name, "value", why, forbidden=True)
        own = [slot for slot in _identity(event.record) if slot.key != "tenant"]
        named = {slot.name: said.text(slot.key) for slot in own}
        found = [
            record
            for record in self._in_force[event.record.kind, said.text(own[0].key)].values()
            if all(getattr(record, name) == value for name, value in named.items())
        ]
        mine = [r for r in found if self._may(_tenant(r)) and tenant in ("", _tenant(r))]
        what, first = SINGULAR[event.record.kind], own[0]
        if len(mine) > 1:
            where, why = "tenant", f"is missing: several tenants have this {what}"
        elif mine:
            return mine[0]
        elif event.amends and said.text(first.key):
            where, why = first.key, f"there is no {what} '{named[first.name]}' of your tenants"
        elif found and event.record is Credential:
            # A credential's id is one for all tenants: it would change hands.
            where, why = first.key, "is that of another tenant's credential; take another id"
        else:
            return None
        raise BadEvent(event.name, event.attribute(where), why)

    def _may(self, tenant: str) -> bool:
        return tenant in self._principal.tenants or self._principal.tenants == (ANY,)

    def _read(self, said: Said, keys: Mapping[str, Node]) -> Record:
        """Read the entry as one of a registry file is read."""
        event = said.event
        document = Document("")
        entry = Entry(event.record.kind, "", Keys(dict(keys), dict.fromkeys(keys, 0), 0), 0)
        read = read_entry(entry, document, self._kinds)
        if read is None:
            problem = document.problems[0]
            place = re.fullmatch(r"\.(\w+)(.*)", problem.where, re.DOTALL)
            where = event.attribute(place[1]) + place[2] if place else problem.where
            raise BadEvent(event.name, where, problem.what)
        for key in ("tenant", "grantee"):
            name = said.text(key)
            if name and name not in self._tenants and (key, name) != ("grantee", ANY):
                raise BadEvent(
                    event.name, event.attribute(key), f"no tenant '{name}' is registered"
                )
        return completed([read], self._store)[0] if read.text else read.record


def _kept(record: Record, held: Record) -> Record:
    """The record with what an event cannot undo: the first revocation, the facts of a text.

    When an approval was recorded a file may say; it says nothing of what an event makes of it.
    """
    if isinstance(record, Approval | Credential) and isinstance(held, Approval | Credential):
        record = replace(record, revoked=min(record.revoked, held.revoked))
        if isinstance(record, Approval) and record != held:
            return replace(record, recorded=WHEN_LOADED)
        return record
    if isinstance(record, Session) and isinstance(held, Session) and record.facts == "{}":
        return replace(record, facts=held.facts)
    return record


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in parts that an address has room for: drivers send parameters there."""
    part: list[str] = []
    size = 0
    for name in names:
        size += len(name)
        if part and size > LOOKED_UP:
            yield part
            part, size = [], len(name)
        part.append(name)
    if part:
        yield part


def _identity(kind: type[Record]) -> list[Slot]:
    return [slot for slot in slots(kind) if slot.identifies]


def _name(record: Record) -> Name:
    return tuple(getattr(record, slot.name) for slot in _identity(type(record)))


def _tenant(record: Record) -> str:
    return getattr(record, "tenant", "")
