"""How other people's spans are read: one table, with two readings (Python here, SQL in the store).

Agents write at least nine dialects: the GenAI and MCP conventions of OpenTelemetry, OpenInference,
OpenLLMetry, Vercel AI, LangSmith, Strands, ADK, Langfuse and Microsoft's A365. Each fact below is
an ordered tuple of attribute names: the first that has a value wins. `metadata:tenant_id` is the
text at that key of an attribute that holds a JSON object. The table holds only what SQL
can say as well (an attribute equals, is present or absent; a span name starts or ends with), so
that an agent in another language, which has no SDK of ours, is read the same way.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, cast

from partywall import attributes as a

Step = Literal["tool", "handoff", "agent", "llm"]

EMPTY: Final[tuple[str, ...]] = ("", "<not specified>")
"""Values that say nothing (the second is ADK's call id after an error)."""

# --- Facts: the first name with a value wins ---------------------------------------------------

TENANT: Final[tuple[str, ...]] = (
    a.TENANT_ID,
    "tenant.id",
    "microsoft.tenant.id",
    "a2a.tenant",
    "tenant_id",
    "tenant",
    "traceloop.association.properties.tenant_id",
    "traceloop.association.properties.tenant",
    "langsmith.metadata.tenant_id",
    "langsmith.metadata.tenant",
    "ai.telemetry.metadata.tenant_id",
    "ai.telemetry.metadata.tenant",
    "ai.settings.context.tenant_id",
    "ai.settings.context.tenant",
    "metadata:tenant_id",
    "metadata:tenant",
)
SESSION: Final[tuple[str, ...]] = (
    a.SESSION_ID,
    "gen_ai.conversation.id",
    "session.id",
    "mcp.session.id",
    "langsmith.trace.session_id",
    "microsoft.session.id",
    "traceloop.association.properties.thread_id",
    "traceloop.association.properties.session_id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.session_id",
    "metadata:thread_id",
    "metadata:session_id",
)
REQUEST: Final[tuple[str, ...]] = (
    a.REQUEST_ID,
    "correlation.id",
    "traceloop.association.properties.request_id",
    "langsmith.metadata.request_id",
    "metadata:request_id",
)
RUN: Final[tuple[str, ...]] = (a.RUN_ID,)
IDENTITY: Final[tuple[str, ...]] = (a.IDENTITY_ID, "gen_ai.agent.identity.id")
SUBJECT: Final[tuple[str, ...]] = (
    a.SUBJECT_ID,
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "langsmith.metadata.user_id",
    "metadata:user_id",
)
AGENT: Final[tuple[str, ...]] = (
    a.AGENT_NAME,
    "gen_ai.agent.name",
    "agent.name",
    "agent_name",
    "graph.node.id",
    "traceloop.association.properties.lc_agent_name",
    "metadata:lc_agent_name",
    "ai.telemetry.functionId",
)
TOOL_NAME: Final[tuple[str, ...]] = (
    "gen_ai.tool.name",
    "tool.name",
    "ai.toolCall.name",
    "traceloop.entity.name",
)
CALL_ID: Final[tuple[str, ...]] = ("gen_ai.tool.call.id", "tool.id", "ai.toolCall.id")
ARGUMENTS: Final[tuple[str, ...]] = (
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "tool_arguments",
    "gcp.vertex.agent.tool_call_args",
    "input.value",
    "traceloop.entity.input",
    "mcp.request.argument",
    "gen_ai.prompt",
    "tool.parameters",  # last: OpenInference puts the JSON schema there for one framework
)
RESULT: Final[tuple[str, ...]] = (
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "tool_response",
    "gcp.vertex.agent.tool_response",
    "output.value",
    "traceloop.entity.output",
    "mcp.response.value",
    "gen_ai.completion",
)
SERVER: Final[tuple[str, ...]] = (a.TOOL_SERVER, "mcp.server.name", "server.address")
CREDENTIAL: Final[tuple[str, ...]] = (a.CREDENTIAL_ID,)
APPROVAL: Final[tuple[str, ...]] = (a.APPROVAL_ID,)
POLICY: Final[tuple[str, ...]] = (a.POLICY_ID, "microsoft.security.policy.id")
DECISION: Final[tuple[str, ...]] = (a.POLICY_DECISION, "microsoft.security.decision.type")
DATASET: Final[tuple[str, ...]] = (a.DATASET_ID, "gen_ai.data_source.id", "mcp.resource.uri")
OPERATION: Final[tuple[str, ...]] = (a.DATASET_OPERATION, a.OPERATION)
ERROR: Final[tuple[str, ...]] = ("error.type",)

# Strands keeps a tool's arguments and result in span events: (event name, attribute of the event).
ARGUMENT_EVENTS: Final[tuple[tuple[str, str], ...]] = (("gen_ai.tool.message", "content"),)
RESULT_EVENTS: Final[tuple[tuple[str, str], ...]] = (("gen_ai.choice", "message"),)

# OpenLLMetry's MCP spans wrap the arguments: {"tool_name": ..., "arguments": {...}}.
WRAPPED_ARGUMENTS: Final[tuple[str, str]] = ("tool_name", "arguments")

# OpenLLMetry's LangChain spans print them: {"input_str": "{'customer': 'acme'}", ...}.
PRINTED_ARGUMENTS: Final = "input_str"

# --- Steps: the first rule whose conditions all hold wins --------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRule:
    """One way to recognise a step; every condition that is given must hold."""

    step: Step
    attribute: str
    """An attribute that must have a value."""
    equals: str = ""
    """The value that `attribute` must have; empty: any."""
    name_prefix: str = ""
    name_suffix: str = ""
    absent: str = ""
    """An attribute that must have no value."""


def _rules(step: Step, attribute: str, *values: str) -> tuple[StepRule, ...]:
    return tuple(StepRule(step=step, attribute=attribute, equals=value) for value in values)


STEPS: Final[tuple[StepRule, ...]] = (
    *_rules("handoff", "gen_ai.operation.name", "handoff"),
    *_rules("handoff", "traceloop.span.kind", "handoff"),
    StepRule(
        step="handoff",
        attribute="openinference.span.kind",
        equals="TOOL",
        name_prefix="handoff to ",
        absent="tool.name",
    ),
    *_rules("tool", "gen_ai.operation.name", "execute_tool"),
    *_rules("tool", "openinference.span.kind", "TOOL"),
    *_rules("tool", "traceloop.span.kind", "tool"),
    *_rules("tool", "langsmith.span.kind", "tool"),
    *_rules("tool", "mcp.method.name", "tools/call"),
    *_rules("tool", "ai.operationId", "ai.toolCall"),
    StepRule(step="tool", attribute="gen_ai.tool.name", name_prefix="running tool"),
    *_rules("agent", "gen_ai.operation.name", "invoke_agent", "invoke_workflow", "create_agent"),
    *_rules("agent", "openinference.span.kind", "AGENT"),
    *_rules("agent", "traceloop.span.kind", "agent", "workflow"),
    *_rules("agent", "ai.operationId", "ai.generateText", "ai.streamText"),
    StepRule(step="agent", attribute="gen_ai.agent.name", name_prefix="agent run"),
    *_rules(
        "llm",
        "gen_ai.operation.name",
        "chat",
        "text_completion",
        "generate_content",
        "embeddings",
    ),
    *_rules("llm", "openinference.span.kind", "LLM", "EMBEDDING"),
    *_rules("llm", "langsmith.span.kind", "llm", "embedding"),
    *_rules("llm", "llm.request.type", "chat", "completion", "embedding"),
    *_rules("llm", "ai.operationId", "ai.generateText.doGenerate", "ai.streamText.doStream"),
    # A database, object store or file that was touched, also where no tool says so.
    *_rules("tool", "mcp.method.name", "resources/read"),
    StepRule(step="tool", attribute=a.DATASET_ID),
)

HANDOFF_TOOLS: Final[tuple[str, ...]] = ("transfer_to_", "handoff_to_", "delegate_to_")
"""A step `tool` whose tool name starts so is a `handoff`: several frameworks hand off by a tool."""

TOOL_NAME_AFTER: Final[tuple[str, ...]] = ("tools/call ", "execute_tool ", "handoff to ")
"""Where no attribute of TOOL_NAME has a value, the tool is what follows this in the span name."""

TOOL_NAME_BEFORE: Final[tuple[str, ...]] = (".tool",)
"""Or what comes before this at the end of the span name; else the tool is the whole span name."""

# --- Content: never exported by our SDK, never stored unless the tenant turned it on -----------

CONTENT: Final[tuple[str, ...]] = (
    # GenAI and MCP conventions; `gen_ai.prompt*` and `gen_ai.completion*` are their old forms
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.input.messages*",
    "gen_ai.output.messages*",
    "gen_ai.system_instructions*",
    "gen_ai.prompt*",
    "gen_ai.completion*",
    "gen_ai.event.content",
    "gen_ai.evaluation.explanation",
    "gen_ai.retrieval.*",
    # Span events of the GenAI conventions (Strands, older frameworks) use these two bare names
    "content",
    "message",
    # OpenInference
    "input.value",
    "output.value",
    "tool.parameters",
    "tool_call.function.arguments",
    "message.content*",
    "llm.input_messages*",
    "llm.output_messages*",
    "llm.prompts*",
    "llm.completions*",
    "llm.choices*",
    "llm.prompt_template.*",
    "llm.invocation_parameters",
    "llm.function_call",
    "llm.tools*",
    "retrieval.documents*",
    "reranker.*",
    "embedding.text",
    "embedding.embeddings*",
    "embedding.vector",
    "document.content",
    # OpenLLMetry
    "traceloop.entity.input",
    "traceloop.entity.output",
    "gen_ai.task.input",
    "gen_ai.task.output",
    "traceloop.prompt.*",
    "llm.request.functions*",
    "mcp.request.argument",
    "mcp.response.value",
    # Vercel AI
    "ai.prompt*",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "ai.response.text",
    "ai.response.object",
    "ai.response.reasoning*",
    "ai.response.toolCalls",
    "ai.result.*",
    "ai.value*",
    "ai.embedding*",
    # Pydantic AI and Logfire
    "tool_arguments",
    "tool_response",
    "all_messages_events",
    "pydantic_ai.all_messages*",
    "model_request_parameters",
    "final_result",
    "events",
    "logfire.msg",
    # Strands
    "system_prompt",
    "tool.result",
    # ADK
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.llm_response",
    "gcp.vertex.agent.tool_call_args",
    "gcp.vertex.agent.tool_response",
    "gcp.vertex.agent.data",
    # A365, CrewAI, Langfuse, LangSmith, MLflow
    "gen_ai.agent.invocation_input",
    "gen_ai.agent.invocation_output",
    "crew_inputs",
    "crew_agents",
    "crew_tasks",
    "formatted_description",
    "formatted_expected_output",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "inputs",
    "outputs",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    # What databases, HTTP clients and exceptions repeat of it
    "db.query.text",
    "db.query.parameter.*",
    "db.query.result*",
    "db.query.embeddings*",
    "db.statement*",
    "graphql.document",
    "url.query",
    "url.full",
    "http.url",
    "http.target",
    "http.request.body*",
    "http.response.body*",
    "http.request.header.*",
    "http.response.header.*",
    "exception.message",
    "exception.stacktrace",
)
"""Attributes of spans and of their events that carry content; a last `*` means any ending."""

# --- The Python reading ------------------------------------------------------------------------


def first(attributes: Mapping[str, object], names: Iterable[str]) -> str:
    """The first value among `names` that says something, as text; empty where there is none."""
    for name in names:
        value = attributes.get(name)
        if value is None:
            if ":" not in name:
                continue
            attribute, _, key = name.partition(":")
            value = _text_at(attributes.get(attribute), key)
        text = _text(value)
        if text not in EMPTY:
            return text
    return ""


def step(name: str, attributes: Mapping[str, object]) -> Step | Literal[""]:
    """What the span is: a tool call, a hand-off, an agent, a model call, or none of them."""
    for rule in _may_hold(frozenset(_STEP_ATTRIBUTES.intersection(attributes))):
        if _holds(rule, name, attributes):
            if rule.step == "tool" and tool_name(name, attributes).startswith(HANDOFF_TOOLS):
                return "handoff"
            return rule.step
    return ""


def tool_name(name: str, attributes: Mapping[str, object]) -> str:
    """The tool of a tool call or hand-off, from its attributes or else from its span name."""
    if said := first(attributes, TOOL_NAME):
        return said
    for mark in TOOL_NAME_AFTER:
        _before, found, after = name.partition(mark)
        if found:
            return after
    for mark in TOOL_NAME_BEFORE:
        if name.endswith(mark):
            return name.removesuffix(mark)
    return name


def unwrapped(arguments: str) -> str:
    """A tool's arguments out of what some agents wrap them in: a JSON string, a named pair."""
    if arguments.startswith('"'):
        text = _parsed(arguments)
        arguments = text if isinstance(text, str) else ""
    if WRAPPED_ARGUMENTS[0] in arguments or PRINTED_ARGUMENTS in arguments:
        outer = _parsed(arguments)
        if isinstance(outer, dict):
            members = cast(dict[str, object], outer)
            if members.keys() >= set(WRAPPED_ARGUMENTS):
                return json.dumps(members[WRAPPED_ARGUMENTS[1]], ensure_ascii=False)
            printed = members.get(PRINTED_ARGUMENTS)
            if isinstance(printed, str) and _PRINTED.match(printed):
                return _LITERAL.sub(_as_json, printed).replace("'", '"')
    return arguments


def is_content(attribute: str) -> bool:
    """Whether the attribute carries what was said, asked or returned."""
    return attribute in _CONTENT_NAMES or attribute.startswith(_CONTENT_PREFIXES)


@lru_cache(maxsize=1024)
def _may_hold(names: frozenset[str]) -> tuple[StepRule, ...]:
    """The rules for a span that has the attributes `names`; few differ."""
    return tuple(rule for rule in STEPS if rule.attribute in names)


_STEP_ATTRIBUTES = frozenset(rule.attribute for rule in STEPS)
_CONTENT_NAMES = frozenset(name for name in CONTENT if not name.endswith("*"))
_CONTENT_PREFIXES = tuple(name[:-1] for name in CONTENT if name.endswith("*"))


# A printed dictionary whose texts need no escape; anything else is left as it is.
_PRINTED = re.compile(r"\{'[^\"\\]*\}\Z")
_LITERAL = re.compile(r": (None|True|False)\b")


def _as_json(literal: re.Match[str]) -> str:
    return {"None": ": null", "True": ": true", "False": ": false"}[literal[1]]


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text_at(text: object, key: str) -> str:
    """The text at a key of a JSON object; empty for anything else."""
    if not isinstance(text, str) or key not in text:
        return ""
    members = _parsed(text)
    if not isinstance(members, dict):
        return ""
    value = cast(dict[str, object], members).get(key)
    return value if isinstance(value, str) else ""


def _holds(rule: StepRule, name: str, attributes: Mapping[str, object]) -> bool:
    value = _text(attributes.get(rule.attribute))
    if (value != rule.equals) if rule.equals else not value:
        return False
    return (
        name.startswith(rule.name_prefix)
        and name.endswith(rule.name_suffix)
        and not (rule.absent and _text(attributes.get(rule.absent)))
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):  # odd keys, a cycle, or nested too deep
        return f"<{type(value).__name__}>"
