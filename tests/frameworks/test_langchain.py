"""LangChain and LangGraph with OpenInference: bound by one line, though its traces break apart."""

import asyncio

import pytest
from scripted import langchain_agents
from scripted.checks import bound, fail, failed, handoffs, look_up, look_up_in_thread, tools


def test_a_run_is_bound_and_its_call_is_one_tool_call() -> None:
    """What runs inside the tool is in another trace (OpenInference opens no current span)."""
    with bound(langchain_agents) as run:
        assert asyncio.run(langchain_agents.run("billing", look_up)) == "done"
    assert tools(run) == ["look_up"]
    assert len(run.steps("llm")) == 2
    (inside,) = (span for span in run.spans if span.name == "SELECT invoices")
    (call,) = run.steps("tool")
    assert inside.context
    assert call.context
    assert inside.context.trace_id != call.context.trace_id
    run_ids = {str((span.attributes or {})["partywall.run.id"]) for span in run.spans}
    assert len(run_ids) == 1, "the run id holds together what the traces do not"


def test_a_tool_that_raises_is_bound_and_failed() -> None:
    with bound(langchain_agents) as run, pytest.raises(LookupError):
        asyncio.run(langchain_agents.run("billing", fail))
    (call,) = run.steps("tool")
    assert failed(call)


def test_a_plain_tool_works_in_a_thread_and_starts_another() -> None:
    """LangChain runs a plain function in a pool."""
    with bound(langchain_agents) as run:
        asyncio.run(langchain_agents.run("billing", look_up_in_thread))
    assert "in a thread" in [span.name for span in run.spans]


def test_a_handoff_tool_is_no_tool_call() -> None:
    """Its way to hand off: a tool named `transfer_to_...`, which runs the other graph."""

    async def transfer_to_helper(customer: str) -> str:
        return await langchain_agents.run("helper", look_up)

    with bound(langchain_agents) as run:
        asyncio.run(langchain_agents.run("triage", transfer_to_helper))
    assert handoffs(run) == ["transfer_to_helper"]
    assert tools(run) == ["look_up"]
