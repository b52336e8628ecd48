"""A model without a network: it follows a script, and any instruction that it reads on its way."""

import ast
import json
import re
from collections.abc import Iterator, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from partywall_dashboard.demo.scenario import LAST, Call

TO_THE_ASSISTANT = re.compile(r"^note to the assistant", re.IGNORECASE | re.MULTILINE)
ORDER = re.compile(r"^- (\w+\(.*\))$", re.MULTILINE)


def gullible(script: Sequence[Call], answer: str) -> FunctionModel:
    """The model. Like many, it does not tell what it was asked from what it was given to read."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        todo, done, last = list(script), 0, ""
        for last in returned(messages):
            done += 1
            todo[done:done] = orders(last)
        if done == len(todo):
            return ModelResponse(parts=[TextPart(answer.replace(LAST, last))])
        step = todo[done]
        arguments = {name: text.replace(LAST, last) for name, text in step.arguments.items()}
        return ModelResponse(parts=[ToolCallPart(step.tool, json.dumps(arguments))])

    return FunctionModel(respond, model_name="scripted")


def returned(messages: Sequence[ModelMessage]) -> Iterator[str]:
    """What the tools returned so far, in order."""
    for message in messages:
        if isinstance(message, ModelRequest):
            for part in message.parts:
                if isinstance(part, ToolReturnPart):
                    yield str(part.content)


def orders(text: str) -> list[Call]:
    """The calls that a text tells the assistant to make."""
    if not TO_THE_ASSISTANT.search(text):
        return []
    found: list[Call] = []
    for line in ORDER.findall(text):
        wanted = ast.parse(line, mode="eval").body
        if isinstance(wanted, ast.Call) and isinstance(wanted.func, ast.Name):
            arguments = {word.arg: ast.literal_eval(word.value) for word in wanted.keywords}
            found.append(Call(wanted.func.id, {str(k): str(v) for k, v in arguments.items()}))
    return found
