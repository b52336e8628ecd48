"""openai-agents, traced by OpenInference (imported late: recordings are made without it)."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from agents import (
    Agent,
    FunctionTool,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    Usage,
    function_tool,
    set_trace_processors,
)
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)


def instrument() -> None:
    """Every run of the process is traced, to OpenTelemetry alone."""
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    set_trace_processors([])  # its own exporter would go out to the network
    OpenAIAgentsInstrumentor().instrument()


def uninstrument() -> None:
    """None is."""
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    OpenAIAgentsInstrumentor().uninstrument()
    set_trace_processors([])


class Scripted(Model):
    """Hands off if it can, else calls its first tool, then answers."""

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        names = ("instructions", "input", "settings", "tools", "schema", "handoffs")
        said: dict[str, Any] = dict(zip(names, args, strict=False)) | kwargs
        given: Any = said["input"]
        items = cast(list[dict[str, Any]], [] if isinstance(given, str) else given)
        called = {item.get("call_id") for item in items}
        handoffs, tools = said["handoffs"], said["tools"]
        if handoffs:
            item = _call(handoffs[0].tool_name, "{}")
        elif tools and tools[0].name not in called:
            item = _call(tools[0].name, '{"customer": "x"}')
        else:
            text = ResponseOutputText(text="done", type="output_text", annotations=[])
            item = ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
        return ModelResponse(output=[item], usage=Usage(), response_id=None)

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        response = await self.get_response(*args, **kwargs)
        whole = Response(
            id="r",
            created_at=0,
            model="scripted",
            object="response",
            output=response.output,
            parallel_tool_calls=False,
            tool_choice="auto",
            tools=[],
        )
        yield ResponseCompletedEvent(type="response.completed", sequence_number=0, response=whole)


def _call(name: str, arguments: str) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        name=name, arguments=arguments, call_id=name, type="function_call"
    )


def agent(who: str, tool: Callable[..., Any]) -> Agent[Any]:
    """An agent with one tool; a tool that raises ends the run."""
    made: FunctionTool = function_tool(tool, failure_error_function=None)
    return Agent(name=f"agent-{who}", model=Scripted(), tools=[made])


def config(who: str) -> RunConfig:
    """The trace is named after the customer, so that a test can tell whose it is."""
    return RunConfig(workflow_name=f"workflow-{who}")


async def run(who: str, tool: Callable[..., Any]) -> str:
    """One run."""
    done = await Runner.run(agent(who, tool), f"work for {who}", run_config=config(who))
    return done.final_output


async def stream(who: str, tool: Callable[..., Any]) -> AsyncIterator[object]:
    """One run, event by event."""
    going = Runner.run_streamed(agent(who, tool), f"work for {who}", run_config=config(who))
    async for event in going.stream_events():
        yield event
