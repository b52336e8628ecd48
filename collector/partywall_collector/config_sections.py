"""The sections of otel-config.yaml as the dataclasses of `components.py`, each value checked."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, cast, get_args, get_type_hints

from partywall_collector.component_values import Duration, Endpoint, Names, Secret
from partywall_collector.components import COMPONENTS, ELSEWHERE, section_of
from partywall_collector.config_document import ConfigError, Node

GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def component_of(part: str, name: str, node: Node) -> Any:
    """A component with its keys; raises `ConfigError`."""
    kind = name.partition("/")[0]
    path = f"{part}.{name}"
    if (part, kind) in ELSEWHERE:
        raise ConfigError(f"{node.where}: {path}: {ELSEWHERE[part, kind]}")
    if kind not in COMPONENTS[part]:
        hint = did_you_mean(kind, COMPONENTS[part])
        raise ConfigError(f"{node.where}: {path}: there is no component `{kind}` here; {hint}")
    return section(COMPONENTS[part][kind], node, path)


def section(cls: type, node: Node, path: str) -> Any:
    """A dataclass filled from a mapping, each value checked against its type."""
    items = mapping(node, path)
    refuse_unknown(items, [item.name for item in fields(cls)], path)
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for item in fields(cls):
        if item.name not in items:
            continue
        below, place = items[item.name], f"{path}.{item.name}"
        if nested := section_of(hints[item.name]):
            # An optional section is on by being there: `grpc:` with nothing below it is on.
            if below.value is not None or NoneType in get_args(hints[item.name]):
                values[item.name] = section(nested, below, place)
        else:
            values[item.name] = _value(hints[item.name], below, place)
            _check_range(values[item.name], item.metadata, f"{below.where}: {place} must be")
    return cls(**values)


def _check_range(value: Any, about: Mapping[str, Any], complaint: str) -> None:
    least, most, choices = about.get("least"), about.get("most"), about.get("choices")
    unit = "s" if isinstance(value, float) else ""  # a duration
    if choices and value not in choices:
        raise ConfigError(f"{complaint} one of " + ", ".join(f'"{choice}"' for choice in choices))
    if least is not None and value < least:
        raise ConfigError(f"{complaint} {least}{unit} or more")
    if most is not None and value > most:
        raise ConfigError(f"{complaint} {most}{unit} or less")


def _value(hint: Any, node: Node, path: str) -> Any:
    readers: Mapping[Any, tuple[Callable[[Any], Any], str]] = {
        str: (lambda value: value if isinstance(value, str) and value else None, "a text"),
        Secret: (lambda value: value if isinstance(value, str) and value else None, "a text"),
        Names: (_names, "a text or a list of texts"),
        int: (lambda value: value if type(value) is int else None, "a whole number"),
        bool: (lambda value: value if type(value) is bool else None, "true or false"),
        Endpoint: (_endpoint, "host:port, as in 127.0.0.1:4317"),
        Duration: (_duration, "a duration, as in 500ms, 5s or 1m30s"),
    }
    reader, wanted = readers[hint]
    value = reader(node.plain())
    if value is None:
        raise ConfigError(f"{node.where}: {path} must be {wanted}")
    return value


def _names(value: Any) -> Names | None:
    values: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    good = values and all(isinstance(item, str) and item for item in values)
    return Names(tuple(values)) if good else None


def _endpoint(value: Any) -> Endpoint | None:
    if not isinstance(value, str):
        return None
    host, colon, port = value.rpartition(":")
    good = colon and host and port.isascii() and port.isdigit() and int(port) < 65536
    return Endpoint(value) if good else None


def _duration(value: Any) -> Duration | None:
    if not isinstance(value, str) or not re.fullmatch(f"(?:{GO_DURATION.pattern})+", value):
        return None
    return Duration(sum(float(part) * SECONDS[unit] for part, unit in GO_DURATION.findall(value)))


def mapping(node: Node | None, path: str) -> Mapping[str, Node]:
    """What is below a key; nothing below it is an empty mapping."""
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise ConfigError(f"{node.where}: {path} must be a mapping of keys")
    return node.value


def refuse_unknown(items: Mapping[str, Node], known: Iterable[str], path: str) -> None:
    """Raise `ConfigError` for the first key that is not known."""
    names = list(known)
    for key, node in items.items():
        if key not in names:
            place = f"{path}.{key}" if path else key
            raise ConfigError(
                f"{node.where}: {place} is not a known key; {did_you_mean(key, names)}"
            )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The name that was meant perhaps, and those that there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    listed = ", ".join(names) or "none"
    return f"did you mean `{close[0]}`? known: {listed}" if close else f"known: {listed}"
