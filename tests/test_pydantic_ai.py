"""A real framework: pydantic-ai agents are bound by one line, their tools run in threads and all.

The model is scripted, everything else is what a user runs.
"""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.test import TestModel

import partywall
from partywall import attributes, conventions
from partywall.processor import SessionProcessor


@pytest.fixture
def memory() -> Iterator[InMemorySpanExporter]:
    """Every agent of the test traces into memory, as `instrument` would set it up."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionProcessor())
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, include_content=False))
    yield memory
    Agent.instrument_all(False)


def facts(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_every_span_of_a_run_is_bound_and_a_call_is_one_span(memory: InMemorySpanExporter) -> None:
    """The plain function runs in a worker thread, the coroutine in the loop."""
    agent = Agent(TestModel(), name="billing")

    @agent.tool_plain
    @partywall.tool(dataset="postgres://crm/{customer}")
    def read_invoice(customer: str) -> str:
        """Read an invoice."""
        return f"secret of {customer}"

    @agent.tool_plain
    @partywall.tool
    async def export(customer: str) -> str:
        partywall.dataset(f"s3://exports/{customer}", operation="write")
        return "done"

    with partywall.session(tenant="acme", request="REQ-7"):
        asyncio.run(agent.run("What does Acme owe?"))
    spans = memory.get_finished_spans()
    assert {facts(span).get(attributes.TENANT_ID) for span in spans} == {"acme"}
    steps = {span.name: conventions.step(span.name, facts(span)) for span in spans}
    assert steps == {
        "chat test": "llm",
        "execute_tool read_invoice": "tool",
        "execute_tool export": "tool",
        "invoke_agent billing": "agent",
    }
    accesses = {
        span.name: [dict(event.attributes or {})[attributes.DATASET_ID] for event in span.events]
        for span in spans
        if span.name.startswith("execute_tool")
    }
    assert accesses == {
        "execute_tool read_invoice": ["postgres://crm/a"],
        "execute_tool export": ["s3://exports/a"],
    }
    assert not any("secret of" in span.to_json() for span in spans)


def test_a_sub_agent_in_a_session_of_its_own_is_bound_to_that(
    memory: InMemorySpanExporter,
) -> None:
    """The wall between two tenants shows where one agent calls another."""
    helper = Agent(TestModel(), name="helper")
    triage = Agent(TestModel(), name="triage")

    @triage.tool_plain
    async def ask_helper(question: str) -> str:
        async with partywall.session(tenant="fjord", request="REQ-8"):
            return (await helper.run(question)).output

    with partywall.session(tenant="acme", request="REQ-7"):
        asyncio.run(triage.run("hello"))
    bound = {span.name: facts(span)[attributes.TENANT_ID] for span in memory.get_finished_spans()}
    assert bound["invoke_agent helper"] == "fjord"
    assert bound["execute_tool ask_helper"] == "acme"
    assert bound["invoke_agent triage"] == "acme"
