"""Entries of the registry that come over the wire, in the form of its files."""

from types import MappingProxyType
from typing import Final

from partywall_collector.registry.document import Document, Entry, Keys
from partywall_collector.registry.events import BadEvent, Event, Said, holds_secret
from partywall_collector.registry.model import (
    Approval,
    Canary,
    Credential,
    Relation,
    Session,
)
from partywall_collector.registry.values import unknown

TAKEN: Final = {record.kind: record for record in (Approval, Relation, Credential, Session, Canary)}
"""The kinds that whoever keeps the records of a tenant may write, and canaries, which only those
may that keep the records of every tenant; all others are the operator's."""

_CLOCK: Final = "recorded"
"""When a decision was recorded: what comes over the wire is recorded as it comes."""

_READ_ONCE: Final = {(Session.kind, "text"), (Canary.kind, "value")}
"""What may say anything: it is read and not stored."""


def said_by(document: Document) -> tuple[list[str], list[Said | BadEvent]]:
    """The places of the entries, and what each says or what is wrong with it."""
    places: list[str] = []
    records: list[Said | BadEvent] = []
    for number, entry in enumerate(document.entries):
        places.append(entry.where if "[" in entry.where else f"{entry.kind}[{number}]")  # a line
        try:
            records.append(_said(entry))
        except BadEvent as error:
            records.append(error)
    return places, records


def _said(entry: Entry) -> Said:
    record = TAKEN.get(entry.kind)
    if record is None:
        raise BadEvent(entry.kind, "", f"{unknown('kind', entry.kind, TAKEN)} are taken here")
    if not isinstance(entry.node, Keys):
        raise BadEvent(entry.kind, "", "expected keys and values")
    if _CLOCK in entry.node.keys:
        why = "is when the entry comes; only a file that the operator loads may say another time"
        raise BadEvent(entry.kind, _CLOCK, why)
    for key, node in entry.node.keys.items():
        if (entry.kind, key) not in _READ_ONCE and holds_secret(node):
            raise BadEvent(entry.kind, key, "looks like a secret; name it, do not send it")
    event = Event(entry.kind, record, MappingProxyType({}), time="")
    return Said(event, MappingProxyType(entry.node.keys), {})
