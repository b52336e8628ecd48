"""Governance events: which log record becomes which entry of the registry, and by which attributes.

`EVENTS` is the one table: docs/governance.md is tested against it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from partywall import attributes
from partywall.redaction import SECRET_NAME, without_secrets
from partywall_collector.registry.document import Items, Keys, Node, Problem, Scalar
from partywall_collector.registry.model import Approval, Credential, Record, Session
from partywall_collector.registry.schema import Form, Slot, slots
from partywall_collector.registry.values import EPOCH, unknown

BODY: Final = "body"
"""Stands for the body of the log record among its attributes."""

LISTS: Final = (Form.NAMES, Form.PATTERNS)

_WHOLE: Final = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event."""

    name: str
    record: type[Record]
    keys: Mapping[str, str]
    """Attribute -> key of the entry."""
    time: str
    """The key that the time of the log record stands for, where no attribute says it."""

    @property
    def amends(self) -> bool:
        """Whether it only adds to an entry that is there."""
        return self.time == "revoked"

    def attribute(self, key: str) -> str:
        """What a sender calls a key."""
        return next((name for name, own in self.keys.items() if own == key), key)


_CREDENTIAL: Final = {attributes.CREDENTIAL_ID: "id", attributes.TENANT_ID: "tenant"}
_APPROVAL: Final = {attributes.APPROVAL_ID: "id", attributes.TENANT_ID: "tenant"}

EVENTS: Final[Mapping[str, Event]] = {
    event.name: event
    for event in (
        Event(
            attributes.CREDENTIAL_ISSUED,
            Credential,
            _CREDENTIAL
            | {
                attributes.IDENTITY_ID: "identity",
                attributes.REQUEST_ID: "request",
                attributes.CREDENTIAL_TIME: "issued",
                attributes.CREDENTIAL_EXPIRES: "expires",
            },
            time="issued",
        ),
        Event(
            attributes.CREDENTIAL_REVOKED,
            Credential,
            _CREDENTIAL | {attributes.CREDENTIAL_TIME: "revoked"},
            time="revoked",
        ),
        Event(
            attributes.APPROVAL_GRANTED,
            Approval,
            _APPROVAL
            | {
                attributes.APPROVAL_GRANTEE: "grantee",
                attributes.REQUEST_ID: "request",
                attributes.APPROVAL_APPROVER: "approver",
                attributes.APPROVAL_DATASETS: "datasets",
                attributes.APPROVAL_PARTIES: "parties",
                attributes.APPROVAL_OPERATIONS: "operations",
                attributes.APPROVAL_TOOLS: "tools",
                attributes.APPROVAL_TIME: "from",
                attributes.APPROVAL_EXPIRES: "until",
            },
            time="from",
        ),
        Event(
            attributes.APPROVAL_REVOKED,
            Approval,
            _APPROVAL | {attributes.APPROVAL_TIME: "revoked"},
            time="revoked",
        ),
        Event(
            attributes.SESSION_OPENED,
            Session,
            {
                attributes.REQUEST_ID: "request",
                attributes.SESSION_ID: "session",
                attributes.TENANT_ID: "tenant",
                attributes.IDENTITY_ID: "identity",
                BODY: "text",
            },
            time="opened",
        ),
    )
}

OURS: Final = frozenset(
    value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)
)


class BadEvent(Exception):
    """A log record that is no governance event, or a wrong one; the text is for its sender."""

    def __init__(self, *places: str, forbidden: bool = False) -> None:
        # A Problem shows hostile text without moving the reader's cursor, and cuts it.
        super().__init__(str(Problem("", 0, "", ": ".join(places))))
        *where, why = places or ("",)
        self.key = where[1] if len(where) > 1 else ""
        self.why = str(Problem("", 0, "", why))
        self.forbidden = forbidden
        """Whether the sender may not do it, however it is written."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one event says, as the keys of an entry."""

    event: Event
    keys: Mapping[str, Node]
    time: Mapping[str, Node]
    """The key that the time of the record fills, unless the entry has it; empty without a time."""

    def text(self, key: str) -> str:
        """A key that is text; "" where it is not said, or no text."""
        node = self.keys.get(key)
        return node.text if isinstance(node, Scalar) else ""


def said(record: LogRecord) -> Said:
    """Read a log record; raises `BadEvent`. Attributes that are not ours are left alone."""
    named = _name(record)
    event = EVENTS.get(named)
    if event is None:
        why = unknown("event", named, EVENTS) if named else "this log record has no event name"
        raise BadEvent("only governance events are taken", why)
    wanted = {slot.key: slot for slot in slots(event.record)}
    keys: dict[str, Node] = {}
    for name, value in _attributes(record):
        if SECRET_NAME.search(name):
            raise BadEvent(event.name, name, "a secret does not belong here; leave it out")
        key = event.keys.get(name)
        if key is None:
            if name.startswith(attributes.NAMESPACE) and name not in OURS:
                raise BadEvent(event.name, unknown("attribute", name, event.keys))
            continue
        if key in keys:
            raise BadEvent(event.name, name, "is there twice")
        node = _node(value)
        if node is None:
            raise BadEvent(event.name, name, "is bytes; write text")
        if name != BODY and holds_secret(node):
            raise BadEvent(event.name, name, "looks like a secret; name it, do not send it")
        if not (isinstance(node, Scalar) and not node.text) and node != Items([], 0):
            keys[key] = _shaped(event, name, wanted[key], node)
    at = record.time_unix_nano or record.observed_time_unix_nano
    moment = (EPOCH + timedelta(microseconds=at // 1000)).isoformat() if at else ""
    time: dict[str, Node] = {event.time: Scalar(moment, "text", 0)} if moment else {}
    return Said(event, MappingProxyType(keys), time)


def _name(record: LogRecord) -> str:
    """The event's name; older SDKs say it as an attribute."""
    if record.event_name:
        return record.event_name
    named = (pair.value.string_value for pair in record.attributes if pair.key == "event.name")
    return next(named, "")


def _attributes(record: LogRecord) -> Iterator[tuple[str, AnyValue]]:
    for pair in record.attributes:
        if pair.key != BODY:
            yield pair.key, pair.value
    yield BODY, record.body


def _node(value: AnyValue) -> Node | None:
    """The value as the tree of a registry entry; None for bytes."""
    match value.WhichOneof("value"):
        case "string_value":
            return Scalar(value.string_value, "text", 0)
        case "bool_value":
            return Scalar("true" if value.bool_value else "false", "flag", 0)
        case "int_value":
            return Scalar(str(value.int_value), "number", 0)
        case "double_value":
            return Scalar(str(value.double_value), "number", 0)
        case "array_value":
            items = [_node(item) for item in value.array_value.values]
            return None if None in items else Items([item for item in items if item], 0)
        case "kvlist_value":
            return Keys({}, {}, 0)
        case "bytes_value":
            return None
        case _:
            return Scalar("", "empty", 0)


def _shaped(event: Event, name: str, slot: Slot, node: Node) -> Node:
    """The value in the shape of its key: one name alone as a list, milliseconds as a time."""
    if slot.form in LISTS and isinstance(node, Scalar):
        return Items([node], 0)
    if slot.form is not Form.TIME:
        return node
    if isinstance(node, Scalar) and node.type == "number" and _WHOLE.fullmatch(node.text):
        return Scalar(f"{int(node.text) / 1000}", "number", 0)
    if isinstance(node, Scalar) and node.type == "text" and "-" in node.text[1:]:
        return node
    raise BadEvent(
        event.name, name, "is no time; write unix milliseconds as an int, or 2026-01-31T09:00:00Z"
    )


def holds_secret(node: Node) -> bool:
    """Whether a value looks as if it held a secret, which has no place in the registry."""
    if isinstance(node, Items):
        return any(holds_secret(item) for item in node.items)
    return isinstance(node, Scalar) and without_secrets(node.text) != node.text
