"""MCP client and server, with the spans that they make themselves: bound on both sides."""

import asyncio

from mcp.server.mcpserver.exceptions import ToolError
from scripted import mcp_agents
from scripted.checks import bound, failed, handoffs, look_up, look_up_in_thread, tools


def test_a_call_is_bound_on_the_server_too() -> None:
    """The server's span and the database inside its tool."""
    with bound(mcp_agents) as run:
        assert asyncio.run(mcp_agents.run("billing", look_up)) == "done"
    assert set(tools(run)) == {"look_up"}
    assert "SELECT invoices" in [span.name for span in run.spans]


def test_a_tool_that_raises_is_bound_and_failed() -> None:
    async def refuse(customer: str) -> str:
        raise ToolError("no such customer")

    with bound(mcp_agents) as run:
        assert asyncio.run(mcp_agents.run("billing", refuse)) == "failed"
    assert any(failed(call) for call in run.steps("tool"))


def test_a_plain_tool_works_in_a_thread_and_starts_another() -> None:
    with bound(mcp_agents) as run:
        asyncio.run(mcp_agents.run("billing", look_up_in_thread))
    assert "in a thread" in [span.name for span in run.spans]


def test_a_handoff_tool_is_no_tool_call() -> None:
    """A server may offer to hand off; its tool's name says so."""

    async def transfer_to_helper(customer: str) -> str:
        return await look_up(customer)

    with bound(mcp_agents) as run:
        asyncio.run(mcp_agents.run("triage", transfer_to_helper))
    assert set(handoffs(run)) == {"transfer_to_helper"}
    assert tools(run) == []
