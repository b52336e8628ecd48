"""How a record class declares its fields, and what follows from the declaration: slots and rows."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_type_hints

RecordT = TypeVar("RecordT")


FINGERPRINT = "fingerprint:"
"""What a planted value begins with that is there as its fingerprints only."""


class Form(StrEnum):
    """How the value of a key is written."""

    TEXT = "text"
    NAMES = "list of text"
    FLAG = "true or false"
    TIME = "time"
    DAYS = "number of days"
    COUNT = "whole number"
    TENANT = "tenant"
    GRANTEE = "tenant or *"
    TENANTS = "list of tenants, or [*]"
    PATTERN = "pattern"
    PATTERNS = "list of patterns"
    TEMPLATES = "list of templates"
    OPERATION = "text or {argument}"
    DIGEST = "64 hex digits"
    PUBLIC_KEY = "PEM"
    SPIFFE_ID = "SPIFFE ID"
    IDENTIFIERS = "list of {kind, value}"
    REQUEST = "free text"
    PLANTED = "one identifier"
    DERIVED = "made from another key"


@dataclass(frozen=True, slots=True)
class Field:
    """What a registry file may say in one place."""

    doc: str
    form: Form = Form.TEXT
    column: str = ""
    """The table's column, where it is not named as the field."""
    key: str = ""
    """The key in a file, where it is not named as the field; a dot leads into a mapping."""
    choices: tuple[str, ...] = ()
    identifies: bool = False
    """Together these fields say which record is replaced by a newer one."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a record class, with everything that was left to a default filled in."""

    name: str
    key: str
    column: str
    form: Form
    doc: str
    choices: tuple[str, ...]
    identifies: bool
    required: bool
    default: Any


@cache
def slots(record: type[Any]) -> tuple[Slot, ...]:
    """The fields of a record class, in the order of its declaration."""
    return tuple(_slots(record))


def _slots(record: type[Any]) -> Iterator[Slot]:
    hints = get_type_hints(record, include_extras=True)
    for declared in fields(record):
        field: Field = get_args(hints[declared.name])[1]
        yield Slot(
            name=declared.name,
            key=field.key or declared.name,
            column=field.column or declared.name,
            form=field.form,
            doc=field.doc,
            choices=field.choices,
            identifies=field.identifies,
            required=declared.default is MISSING,
            default=declared.default,
        )


def row(record: object) -> dict[str, Any]:
    """The record as a row of its table, without `recorded_at`."""
    columns: dict[str, Any] = {}
    for slot in slots(type(record)):
        value = getattr(record, slot.name)
        if slot.form is Form.IDENTIFIERS:
            value = [{"kind": kind, "value": text} for kind, text in value]
        columns[slot.column] = value
    return columns


def entry_of(record: object) -> dict[str, Any]:
    """Return the record as an entry of a registry file; what is left to its default stays out.

    A session's text is not there any more; its entry names what the text named.
    """
    entry: dict[str, Any] = {}
    for slot in slots(type(record)):
        value = getattr(record, slot.name)
        if (value == slot.default and not slot.required) or slot.form is Form.REQUEST:
            continue
        if slot.form is Form.DERIVED:
            entry["operation"] = f"{{{value}}}"
            continue
        if slot.form is Form.IDENTIFIERS:
            value = [{"kind": kind, "value": text} for kind, text in value]
        elif slot.form is Form.TIME:
            value = value.isoformat()
        elif slot.form is Form.PLANTED:
            value = FINGERPRINT + " ".join(f"{number:016x}" for number in value)
        elif isinstance(value, tuple):
            value = list(cast("tuple[str, ...]", value))
        inside = entry
        *parents, last = slot.key.split(".")
        for parent in parents:
            inside = inside.setdefault(parent, {})
        inside[last] = value
    return entry


def record_of(kind: type[RecordT], columns: Mapping[str, Any]) -> RecordT:
    """The record that a row of its table holds."""
    return kind(**{slot.name: _value(slot.form, columns[slot.column]) for slot in slots(kind)})


def _value(form: Form, stored: Any) -> Any:
    """What a driver returns, as the record holds it."""
    if form is Form.TIME:
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)
    if form is Form.IDENTIFIERS:
        return tuple(_pair(item) for item in stored)
    return tuple(cast("list[Any]", stored)) if isinstance(stored, list) else stored


def _pair(item: Any) -> tuple[str, str]:
    if isinstance(item, Mapping):
        named = cast("Mapping[str, str]", item)
        return named["kind"], named["value"]
    kind, value = item
    return kind, value
