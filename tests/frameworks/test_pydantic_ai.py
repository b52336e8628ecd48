"""pydantic-ai: every span of a run is bound by one line, and read for what it is."""

import asyncio

import pytest
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from scripted import pydantic_agents
from scripted.checks import bound, fail, failed, look_up, look_up_in_thread, tools


def test_a_run_is_bound_and_its_call_is_one_tool_call() -> None:
    """Agent, model, tool, and the database inside the tool."""
    with bound(pydantic_agents) as run:
        assert asyncio.run(pydantic_agents.run("billing", look_up)) == "done"
    assert tools(run) == ["look_up"]
    assert len(run.steps("agent")) == 1
    assert len(run.steps("llm")) == 2
    assert not failed(run.steps("tool")[0])


def test_a_tool_that_raises_is_bound_and_failed() -> None:
    with bound(pydantic_agents) as run, pytest.raises(LookupError):
        asyncio.run(pydantic_agents.run("billing", fail))
    (call,) = run.steps("tool")
    assert failed(call)


def test_a_plain_tool_works_in_a_thread_and_starts_another() -> None:
    """pydantic-ai runs a plain function in a worker thread."""
    with bound(pydantic_agents) as run:
        asyncio.run(pydantic_agents.run("billing", look_up_in_thread))
    assert "in a thread" in [span.name for span in run.spans]


def test_an_agent_as_a_tool_is_an_agent_inside_a_tool_call() -> None:
    """Its way to hand off: a nested run, which starts a conversation of its own."""
    helper = Agent(TestModel(), name="helper")

    async def ask_helper(customer: str) -> str:
        return (await helper.run(customer)).output

    with bound(pydantic_agents) as run:
        asyncio.run(pydantic_agents.run("triage", ask_helper))
    assert tools(run) == ["ask_helper"]
    names = {span.name for span in run.steps("agent")}
    assert names == {"invoke_agent agent-triage", "invoke_agent helper"}
