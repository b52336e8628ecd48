"""LangChain and LangGraph, traced by OpenInference.

It is imported late, because recordings of other instrumentations are made without it.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any, cast

from langchain import agents
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool


def instrument() -> None:
    """Every graph of the process is traced."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument()


def uninstrument() -> None:
    """None is."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().uninstrument()


class Scripted(BaseChatModel):
    """Calls the first tool that it was given, then answers."""

    tool: str = ""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> "Scripted":
        """The same model, which knows the tool's name."""
        return Scripted(tool=tools[0].name)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if any(isinstance(message, ToolMessage) for message in messages):
            said = AIMessage("done")
        else:
            call = ToolCall(name=self.tool, args={"customer": "x"}, id="call-1")
            said = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=said)])


def agent(who: str, tool: Callable[..., Any], *, is_async: bool) -> Any:
    """A graph with one tool."""
    made = (
        StructuredTool.from_function(coroutine=tool, description="Work.")
        if is_async
        else StructuredTool.from_function(tool, description="Work.")
    )
    make = cast(Any, agents).create_agent  # its own type is only partly known
    return make(Scripted(), [made], name=f"agent-{who}")


async def run(who: str, tool: Callable[..., Any]) -> str:
    """One run."""
    graph = agent(who, tool, is_async=iscoroutinefunction(tool))
    state = await graph.ainvoke({"messages": [("user", f"work for {who}")]})
    return state["messages"][-1].content


async def stream(who: str, tool: Callable[..., Any]) -> AsyncIterator[object]:
    """One run, step by step."""
    graph = agent(who, tool, is_async=iscoroutinefunction(tool))
    async for step in graph.astream({"messages": [("user", f"work for {who}")]}):
        yield step
