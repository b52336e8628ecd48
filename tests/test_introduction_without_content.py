"""A party is judged alike whether content travels to the collector or stays in the process."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes
from partywall.facts import FactsExporter
from partywall_collector.envelope import Envelope, frame
from partywall_collector.store import Store

FACTS = "argument_terms, introduces, introduces_dropped, record_terms, values_in, values_out"
CALLS: list[tuple[dict[str, Any], str]] = [
    ({"file": "minutes.txt"}, "Minutes\nThe client is eve@evil.example.\nMallory Jones"),
    ({"inbox": "all"}, json.dumps([{"from": "Bob", "to": "bob@page.example"}, {"n": 1}])),
    ({"query": "bob@page.example"}, "- mail: bob@page.example\n  name: Bob"),
    ({}, json.dumps([f"ann{number}@acme.example" for number in range(300)])),
    ({"id": "INV-2024001"}, ""),
]


@pytest.fixture
def key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent has the store's key."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY_FILE", str(store.home / "fingerprint.key"))
    store.insert("tenants", [{"tenant_id": "acme", "placement": "own-acme"}])


def stored(store: Store, *spans: Any) -> list[dict[str, Any]]:
    """The facts of the calls that these exported spans make."""
    body = encode_spans(list(spans)).SerializeToString()
    envelope = Envelope("p", ("*",), "A1", time.time_ns(), body)
    store.load(b"".join(frame(envelope)), token=uuid4().hex)
    trace_id = f"{spans[0].context.trace_id:032x}"
    return store.rows(
        f"SELECT {FACTS} FROM calls WHERE trace_id = unhex({{trace:String}}) ORDER BY span_id",
        {"trace": trace_id},
    )


def exported(content: bool) -> list[Any]:
    """The same calls in one trace, exported with or without content."""
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(FactsExporter(memory, content=content)))
    tracer = provider.get_tracer("a framework")
    with tracer.start_as_current_span("invoke_agent"):
        for said, returned in CALLS:
            texts = {
                attributes.TENANT_ID: "acme",
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "tool",
                "gen_ai.tool.call.arguments": json.dumps(said),
                "gen_ai.tool.call.result": returned,
            }
            tracer.start_span("execute_tool", attributes=texts).end()
    spans = [span for span in memory.get_finished_spans() if span.name == "execute_tool"]
    # Rows come back in the order of the span ids, which are random.
    return sorted(spans, key=lambda span: span.context.span_id if span.context else 0)


def by_content(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True, default=list) for row in rows)


@pytest.mark.usefixtures("key")
def test_the_same_facts_are_stored_with_and_without_content(store: Store) -> None:
    """The SDK takes them before the content is left out."""
    without, with_content = exported(content=False), exported(content=True)
    assert not any("minutes" in str(dict(span.attributes)) for span in without)
    rows = stored(store, *without)
    assert by_content(rows) == by_content(stored(store, *with_content))
    assert sum(bool(row["introduces"]) for row in rows) == 4
    assert {row["introduces_dropped"] for row in rows} == {0, 300 - 128}


@pytest.mark.usefixtures("key")
def test_a_decorated_tool_says_whom_its_result_brings_in(
    store: Store, memory: InMemorySpanExporter
) -> None:
    """Its arguments and its result are on no span; what it was given it does not bring in."""

    @partywall.tool
    def look_up(query: str) -> dict[str, str]:
        return {"asked": query, "client": "eve@evil.example"}

    with partywall.session(tenant="acme"):
        look_up("bob@page.example")
    span, _close = memory.get_finished_spans()
    (row,) = stored(store, span)
    assert len(row["introduces"]) == 1
    assert row["argument_terms"]


@pytest.mark.usefixtures("key")
def test_facts_under_another_key_are_ignored_and_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would compare with nothing; what cannot be read is counted in the same way."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY", "5a" * 32)
    rows = stored(store, *exported(content=False))
    assert not any(row["introduces"] or row["record_terms"] for row in rows)
    assert sum(row["introduces_dropped"] > 0 for row in rows) == 4
    monkeypatch.delenv("PARTYWALL_FINGERPRINT_KEY")
    broken = exported(content=False)
    for span in broken:
        if attributes.INTRODUCES in span.attributes:
            span._attributes = {**span.attributes, attributes.INTRODUCES: "email scalar:%%%"}
    rows = stored(store, *broken)
    assert not any(row["introduces"] for row in rows)
    assert sum(row["introduces_dropped"] > 0 for row in rows) == 4
