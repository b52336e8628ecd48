"""The kinds of values that otel-config.yaml holds, and what is said of each key."""

from typing import Any, NewType

Endpoint = NewType("Endpoint", str)
"""host:port to listen on; port 0 takes a free one."""

Duration = NewType("Duration", float)
"""Seconds; written as in Go: 500ms, 5s, 1m30s."""

Names = NewType("Names", tuple[str, ...])
"""One name, or a list of names."""

Secret = NewType("Secret", str)
"""A text that `print-config` does not show."""


def about(
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> dict[str, Any]:
    """What is said of a key: its meaning, the smallest and largest number, the only texts."""
    return {"doc": doc, "least": least, "most": most, "choices": choices}
