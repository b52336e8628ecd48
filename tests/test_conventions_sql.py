"""One table, two readings: what Python says of a span, ClickHouse says of it too."""

import json
import random
from collections.abc import Callable, Mapping

import pytest

from partywall import conventions
from partywall_collector.store import Store

SPANS = 10_000
NAMES = [
    "execute_tool read_invoice",
    "MCP send tools/call read_invoice",
    "tools/call ",
    "handoff to billing",
    "handoff to ",
    "transfer_to_agent",
    "running tool",
    "running tools",
    "agent run",
    "read_invoice.tool",
    ".tool",
    "execute_tool a.tool",
    "tools/call x tools/call y",
    "",
    "chat gpt",
    "λ execute_tool müller",
]
VALUES = [
    "",
    "<not specified>",
    "x",
    "tool",
    "TOOL",
    "Tool",
    "transfer_to_billing",
    "delegate_to_",
    "it's \\ 'quoted'",
    "müller",
    *sorted({rule.equals for rule in conventions.STEPS if rule.equals}),
]
KEYS = sorted(
    {rule.attribute for rule in conventions.STEPS}
    | {rule.absent for rule in conventions.STEPS if rule.absent}
    | set(conventions.TOOL_NAME)
)


def generated() -> list[tuple[str, dict[str, str]]]:
    """Spans put together at random from the table's own words and near misses."""
    pick = random.Random(20261123)
    return [
        (
            pick.choice(NAMES),
            {key: pick.choice(VALUES) for key in pick.sample(KEYS, pick.choice([0, 1, 1, 2, 3]))},
        )
        for _ in range(SPANS)
    ]


@pytest.mark.parametrize(
    ("function", "read"),
    [("partywall_step", conventions.step), ("partywall_tool", conventions.tool_name)],
)
def test_python_and_clickhouse_read_a_span_alike(
    store: Store, function: str, read: Callable[[str, Mapping[str, object]], str]
) -> None:
    """Ten thousand generated spans, every rule and many near misses among them."""
    spans = generated()
    rows = store.rows(
        f"SELECT {function}(name, attributes) AS said FROM "
        "format(JSONEachRow, 'name String, attributes Map(String, String)', {spans:String})",
        {"spans": "\n".join(json.dumps({"name": n, "attributes": a}) for n, a in spans)},
    )
    read_in_python = [read(name, attributes) for name, attributes in spans]
    differing = [
        (span, here, row["said"])
        for span, here, row in zip(spans, read_in_python, rows, strict=True)
        if here != row["said"]
    ]
    assert not differing
    assert len(set(read_in_python)) >= 5, "the generated spans reach every step"


def test_python_and_clickhouse_agree_on_what_is_content(store: Store) -> None:
    """Every listed name, each cut short and drawn out by a letter."""
    listed = [name.removesuffix("*") for name in conventions.CONTENT]
    names = [*listed, *(name[:-1] for name in listed), *(f"{name}x" for name in listed), *KEYS]
    rows = store.rows(
        "SELECT partywall_is_content(arrayJoin({names:Array(String)})) AS said", {"names": names}
    )
    said = [bool(row["said"]) for row in rows]
    assert dict(zip(names, said, strict=True)) == {n: conventions.is_content(n) for n in names}
