"""openai-agents with OpenInference: bound by one line, hand-offs told from tool calls."""

import asyncio

import pytest
from agents import Agent, Runner
from agents.exceptions import UserError
from scripted import openai_agents
from scripted.checks import bound, fail, failed, handoffs, look_up, look_up_in_thread, tools


def test_a_run_is_bound_and_its_call_is_one_tool_call() -> None:
    with bound(openai_agents) as run:
        assert asyncio.run(openai_agents.run("billing", look_up)) == "done"
    assert tools(run) == ["look_up"]
    assert "agent-billing" in [span.name for span in run.steps("agent")]


def test_a_tool_that_raises_is_bound_and_failed() -> None:
    with bound(openai_agents) as run, pytest.raises((LookupError, UserError)):
        asyncio.run(openai_agents.run("billing", fail))
    (call,) = run.steps("tool")
    assert failed(call)


def test_a_plain_tool_works_in_a_thread_and_starts_another() -> None:
    with bound(openai_agents) as run:
        asyncio.run(openai_agents.run("billing", look_up_in_thread))
    assert "in a thread" in [span.name for span in run.spans]


def test_a_handoff_is_told_from_a_tool_call() -> None:
    """OpenInference writes a hand-off as a tool span without a tool's name."""
    billing = openai_agents.agent("billing", look_up)
    triage: Agent[None] = Agent(name="triage", model=openai_agents.Scripted(), handoffs=[billing])
    with bound(openai_agents) as run:
        asyncio.run(Runner.run(triage, "hello", run_config=openai_agents.config("acme")))
    assert handoffs(run) == ["agent-billing"]
    assert tools(run) == ["look_up"]
