"""An MCP client and server with their own spans, in one process; the agent is a plain span."""

from collections.abc import Callable
from typing import Any

from mcp import Client
from mcp.server import MCPServer
from opentelemetry import trace

tracer = trace.get_tracer("an agent")


def instrument() -> None:
    """MCP 2 traces itself."""


def uninstrument() -> None:
    """Nothing to take back."""


def server(tool: Callable[..., Any]) -> MCPServer[Any]:
    """A server with one tool."""
    made: MCPServer[Any] = MCPServer("records")
    made.add_tool(tool)
    return made


async def run(who: str, tool: Callable[..., Any]) -> str:
    """One agent that calls the tool of a server of its own."""
    with tracer.start_as_current_span(f"agent-{who}"):
        async with Client(server(tool)) as client:
            said = await client.call_tool(tool.__name__, {"customer": "x"})
    return "failed" if said.is_error else "done"
