"""YAML with a memory: each value knows its line, `${env:NAME}` is filled in, files are merged."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REFERENCE = re.compile(r"\$\$|\$\{env:(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|\$\{[^}]*\}|\$\{")


class ConfigError(Exception):
    """The configuration cannot be used; the text names the place, the key and the way out."""


@dataclass(slots=True)
class Node:
    """A value of a document: a mapping of nodes, a list of nodes, or a plain value."""

    value: "dict[str, Node] | list[Node] | str | int | float | bool | None"
    where: str
    from_env: bool = False
    """Whether `${env:NAME}` stands in it."""

    def plain(self) -> Any:
        """The value as YAML would give it, without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_documents(paths: Sequence[Path], overrides: Iterable[str]) -> Node:
    """All files merged in their order, then each `key.path=value`."""
    merged = Node({}, "the configuration")
    for path in paths:
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"{path}: cannot be read: {reason}") from None
        merged = _merge(merged, parse(text, str(path)))
    for override in overrides:
        merged = _merge(merged, _override(override))
    return merged


def parse(text: str, source: str) -> Node:
    """One document; a mapping with unique text keys at every level."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return Node({}, source)
        return _node(loader, root, source, "")
    except RecursionError:
        raise ConfigError(f"{source}: this is not YAML: a value holds itself") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{source}{line}: this is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: this is not YAML: {error}") from None


def _node(loader: yaml.SafeLoader, node: yaml.Node, source: str, path: str) -> Node:
    where = source if source.startswith("--set ") else f"{source}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        items: dict[str, Node] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            place = f"{path}.{key}" if path else key
            at = f"{source}:{key_node.start_mark.line + 1}"
            if key in items:
                raise ConfigError(f"{at}: {place} stands there twice; keep one of them")
            items[key] = _node(loader, value_node, source, place)
            items[key].where = at
        return Node(items, where)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(loader, item, source, path) for item in node.value], where)
    assert isinstance(node, yaml.ScalarNode)
    from_env = "${env:" in node.value
    text = _filled(node.value, f"{where}: {path}" if path else where)
    if text != node.value and node.style is None:  # unquoted: the filled text decides its type
        tag = str(loader.resolve(yaml.ScalarNode, text, (True, False)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - yaml's resolver is untyped
        node = yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)
    elif text != node.value:
        node = yaml.ScalarNode(node.tag, text, node.start_mark, node.end_mark)
    return Node(loader.construct_object(node), where, from_env)  # pyright: ignore[reportUnknownMemberType] - yaml's constructor takes any node


def _filled(text: str, place: str) -> str:
    """The text with environment variables in place; `$$` is a dollar sign."""

    def fill(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        if match["name"] is None:
            raise ConfigError(
                f"{place}: `{match[0]}` is not known; write `${{env:NAME}}` or"
                " `${env:NAME:-default}`"
            )
        value = os.environ.get(match["name"]) or match["default"]
        if value is None:
            raise ConfigError(
                f"{place}: the environment variable {match['name']} is not set; set it, or write"
                f" `${{env:{match['name']}:-default}}`"
            )
        return value

    return REFERENCE.sub(fill, text)


def _override(text: str) -> Node:
    """`receivers.otlp.protocols.grpc.endpoint=0.0.0.0:4317` as a document."""
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(f"--set {text}: write it as key.path=value")
    node = parse(value, f"--set {key}") if value else Node(None, f"--set {key}")
    node.where = f"--set {key}"
    for part in reversed(key.split(".")):
        node = Node({part: node}, f"--set {key}")
    return node


def _merge(under: Node, over: Node) -> Node:
    """Mappings merge key by key; anything else is replaced."""
    if not isinstance(under.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(under.value)
    for key, node in over.value.items():
        merged[key] = _merge(merged[key], node) if key in merged else node
    return Node(merged, over.where)
