"""pydantic-ai, traced by its own instrumentation."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.messages import ToolReturnPart as Returned
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel


def instrument() -> None:
    """Every agent of the process is traced."""
    Agent.instrument_all()


def uninstrument() -> None:
    """None is."""
    Agent.instrument_all(False)


def agent(who: str, tool: Callable[..., Any]) -> Agent[None, str]:
    """An agent with one tool."""
    return Agent(FunctionModel(_answer, stream_function=_stream), name=f"agent-{who}", tools=[tool])


async def run(who: str, tool: Callable[..., Any]) -> str:
    """One run."""
    return (await agent(who, tool).run(f"work for {who}")).output


async def stream(who: str, tool: Callable[..., Any]) -> AsyncIterator[object]:
    """One run, event by event."""
    async with agent(who, tool).run_stream_events(f"work for {who}") as events:
        async for event in events:
            yield event


def _called(messages: list[ModelMessage]) -> bool:
    return any(
        isinstance(part, Returned)
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
    )


def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    if _called(messages):
        return ModelResponse(parts=[TextPart("done")])
    (tool,) = info.function_tools
    return ModelResponse(parts=[ToolCallPart(tool.name, {"customer": "x"})])


async def _stream(
    messages: list[ModelMessage], info: AgentInfo
) -> AsyncIterator[str | DeltaToolCalls]:
    if _called(messages):
        yield "done"
        return
    (tool,) = info.function_tools
    yield {0: DeltaToolCall(name=tool.name, json_args='{"customer": "x"}')}
