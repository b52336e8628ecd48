"""The registry's rules for tools, in an agent: what the arguments of a call name.

The file is the registry's own (`docs/registry.md`, kind `tools`), so that one text serves both. SQL
applies the same rules to spans that carry content; a test compares the two.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from partywall import identifiers, settings
from partywall.datasets import LONGEST_ID, MOST, Access
from partywall.errors import InstrumentError
from partywall.introductions import NOBODY, Writers
from partywall.json_values import as_text, items, member, parsed

MOST_PARTIES: Final = 64
"""Parties of one call."""

PARTY_KINDS: Final = tuple(kind.name for kind in identifiers.KINDS)

_JSON = re.compile(r"[ \t\n\f\r]*[\[{\"]")
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class ToolRule:
    """What the arguments of one tool name, and what it does."""

    operation: str = ""
    datasets: tuple[str, ...] = ()
    party_kind: str = ""
    party_arguments: tuple[str, ...] = ()
    writers: Writers = NOBODY
    """Who writes the fields of its result."""

    @property
    def arguments(self) -> frozenset[str]:
        """The arguments that it reads."""
        filled = _PLACEHOLDER.findall("".join((self.operation, *self.datasets)))
        return frozenset((*filled, *self.party_arguments))

    def done(self, arguments: "Arguments") -> str:
        """What the call does; `{op}` takes it from the argument `op`."""
        named = _PLACEHOLDER.fullmatch(self.operation)
        return arguments.text(named[1]) if named else self.operation

    def accesses(self, arguments: "Arguments", operation: str) -> tuple[Access, ...]:
        """The datasets that the call touches."""
        filled = (arguments.filled(template)[:LONGEST_ID] for template in self.datasets)
        found = dict.fromkeys(Access(name, operation) for name in filled if name)
        return tuple(found)[:MOST]

    def parties(self, arguments: "Arguments") -> list[str]:
        """Whom the call reaches."""
        found = (
            party
            for argument in self.party_arguments
            for text in arguments.texts(argument)
            for party in identifiers.values_of(self.party_kind, text)
        )
        return list(dict.fromkeys(found))[:MOST_PARTIES]


class Arguments:
    """The arguments of a call as its span carries them; what is no JSON is the only one's value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_json = _JSON.match(text) is not None
        self._tree = parsed(text) if self._is_json else None

    def text(self, name: str) -> str:
        """One argument as text; empty where it is missing."""
        return as_text(member(self._tree, name)) if self._is_json else self._text

    def texts(self, name: str) -> list[str]:
        """The items of an argument that is a list, or its one text."""
        listed = items(member(self._tree, name))
        return [self.text(name)] if listed is None else [as_text(item) for item in listed]

    def filled(self, template: str) -> str:
        """The template with its arguments; empty where it names some and all are empty."""
        named = _PLACEHOLDER.findall(template)
        if named and not any(map(self.text, named)):
            return ""
        return _PLACEHOLDER.sub(lambda match: self.text(match[1]), template)


def rule_of(tool: str) -> ToolRule | None:
    """The rule of a tool in this process. Raises InstrumentError where the file has a mistake."""
    return rules().get(tool)


def rules() -> Mapping[str, ToolRule]:
    """The rules of this process by tool. Raises InstrumentError where the file has a mistake."""
    file = settings.TOOLS.text()
    return _read(file) if file else {}


@cache
def _read(file: str) -> Mapping[str, ToolRule]:
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InstrumentError(f"{settings.TOOLS.name}: {file} cannot be read: {error}") from None
    document = _document(file, text)
    entries: object = document.get("tools") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise InstrumentError(f"{file}: no list `tools`; it has the form of a registry file")
    found: dict[str, ToolRule] = {}
    for number, entry in enumerate(cast(list[object], entries)):
        name, rule = _rule(f"{file}: tools[{number}]", entry)
        found[name] = rule
    return found


def _document(file: str, text: str) -> dict[str, Any] | None:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if not file.endswith((".yaml", ".yml")):
            raise InstrumentError(f"{file} is no JSON: {error}") from None
    try:
        import yaml
    except ImportError:
        raise InstrumentError(
            f"{file}: YAML needs PyYAML, which is not installed: `pip install pyyaml`, or write "
            "the same as JSON"
        ) from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InstrumentError(f"{file} is no YAML: {error}") from None


def _rule(where: str, entry: object) -> tuple[str, ToolRule]:
    keys = _keys(where, entry, ("tool", "operation", "datasets", "party", "result"))
    party = _keys(f"{where}.party", keys.get("party") or {}, ("kind", "arguments"))
    result = _keys(f"{where}.result", keys.get("result") or {}, ("outsiders", "except"))
    kind = _text(f"{where}.party.kind", party.get("kind"))
    rule = ToolRule(
        operation=_text(f"{where}.operation", keys.get("operation")),
        datasets=_texts(f"{where}.datasets", keys.get("datasets")),
        party_kind=kind,
        party_arguments=_texts(f"{where}.party.arguments", party.get("arguments")),
        writers=Writers(
            frozenset(_texts(f"{where}.result.outsiders", result.get("outsiders"))),
            frozenset(_texts(f"{where}.result.except", result.get("except"))),
        ),
    )
    if rule.writers.others and "*" not in rule.writers.outsiders:
        raise InstrumentError(f'{where}.result.except stands beside `outsiders: ["*"]` only')
    if kind and kind not in PARTY_KINDS:
        raise InstrumentError(
            f"{where}.party.kind: {kind!r} is not one of {', '.join(PARTY_KINDS)}"
        )
    if bool(kind) != bool(rule.party_arguments):
        raise InstrumentError(f"{where}.party needs both `kind` and `arguments`")
    name = _text(f"{where}.tool", keys.get("tool"))
    if not name:
        raise InstrumentError(f"{where}.tool is missing: the tool's name, as spans carry it")
    return name, rule


def _keys(where: str, value: object, known: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InstrumentError(f"{where}: expected {{{', '.join(known)}}}")
    keys = cast(dict[str, object], value)
    for key in keys:
        if key not in known:
            raise InstrumentError(f"{where}: unknown key {key!r}; known: {', '.join(known)}")
    return keys


def _text(where: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InstrumentError(f"{where}: expected text, got {value!r}; put it in quotes")
    return value


def _texts(where: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InstrumentError(f"{where}: expected a list")
    return tuple(_text(where, item) for item in cast(list[object], value))
