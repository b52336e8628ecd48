"""The reading conventions: each dialect that agents write is read, and no content escapes."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partywall import attributes, conventions
from partywall.conventions import first, is_content, step, tool_name

# What each emitter writes for one tool call, as its spans showed when it was run (or, where it
# says "source", as its source says): (emitter, span name, attributes, step, tool).
EMITTERS: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        "pydantic-ai",
        "execute_tool read_invoice",
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read_invoice"},
        "tool",
        "read_invoice",
    ),
    (
        "pydantic-ai, old format",
        "running tool",
        {"gen_ai.tool.name": "read_invoice", "tool_arguments": "{}"},
        "tool",
        "read_invoice",
    ),
    (
        "OpenInference, LangChain",
        "read_invoice",
        {"openinference.span.kind": "TOOL", "tool.name": "read_invoice"},
        "tool",
        "read_invoice",
    ),
    (
        "OpenLLMetry, LangChain",
        "execute_tool read_invoice",
        {
            "gen_ai.operation.name": "execute_tool",
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "read_invoice",
        },
        "tool",
        "read_invoice",
    ),
    (
        "OpenInference, openai-agents: hand-off",
        "handoff to billing",
        {"openinference.span.kind": "TOOL"},
        "handoff",
        "billing",
    ),
    (
        "OpenInference: a tool that is called so",
        "handoff to billing",
        {"openinference.span.kind": "TOOL", "tool.name": "handoff"},
        "tool",
        "handoff",
    ),
    (
        "OpenLLMetry, openai-agents: hand-off",
        "triage → unknown.handoff",
        {"traceloop.span.kind": "handoff"},
        "handoff",
        "triage → unknown.handoff",
    ),
    (
        "OpenLLMetry, openai-agents: tool",
        "read_invoice.tool",
        {"traceloop.span.kind": "tool"},
        "tool",
        "read_invoice",
    ),
    (
        "MCP, server",
        "tools/call read_invoice",
        {"mcp.method.name": "tools/call", "gen_ai.tool.name": "read_invoice"},
        "tool",
        "read_invoice",
    ),
    (
        "MCP, client: the name stands in the span name alone",
        "MCP send tools/call read_invoice",
        {"mcp.method.name": "tools/call"},
        "tool",
        "read_invoice",
    ),
    ("MCP, another method", "MCP send tools/list", {"mcp.method.name": "tools/list"}, "", ""),
    (
        "ADK: hand-off by a tool",
        "execute_tool transfer_to_agent",
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "transfer_to_agent"},
        "handoff",
        "transfer_to_agent",
    ),
    (
        "Vercel AI, legacy (source)",
        "ai.toolCall",
        {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "read_invoice"},
        "tool",
        "read_invoice",
    ),
    (
        "LangSmith (source)",
        "read_invoice",
        {"langsmith.span.kind": "tool", "gen_ai.tool.name": "read_invoice"},
        "tool",
        "read_invoice",
    ),
    (
        "A365 (source)",
        "execute_tool read_invoice",
        {"gen_ai.operation.name": "execute_tool", "microsoft.tenant.id": "acme"},
        "tool",
        "read_invoice",
    ),
    ("GenAI: agent", "invoke_agent a", {"gen_ai.operation.name": "invoke_agent"}, "agent", ""),
    ("pydantic-ai, old format: agent", "agent run", {"gen_ai.agent.name": "a"}, "agent", ""),
    ("OpenInference: agent", "Agent workflow", {"openinference.span.kind": "AGENT"}, "agent", ""),
    ("OpenLLMetry: workflow", "x.workflow", {"traceloop.span.kind": "workflow"}, "agent", ""),
    ("GenAI: model", "chat gpt", {"gen_ai.operation.name": "chat"}, "llm", ""),
    ("OpenInference: model", "ChatModel", {"openinference.span.kind": "LLM"}, "llm", ""),
    ("OpenLLMetry: model", "openai.chat", {"llm.request.type": "chat"}, "llm", ""),
    ("a database", "SELECT invoices", {"db.system.name": "postgresql"}, "", ""),
    ("a web server", "GET /tool", {"http.request.method": "GET"}, "", ""),
    ("a task of that name, not ours to read", "running tool", {}, "", ""),
]


@pytest.mark.parametrize(
    ("name", "said", "expected", "tool"),
    [emitter[1:] for emitter in EMITTERS],
    ids=[emitter[0] for emitter in EMITTERS],
)
def test_every_emitter_is_read(name: str, said: dict[str, Any], expected: str, tool: str) -> None:
    assert step(name, said) == expected
    if tool:
        assert tool_name(name, said) == tool


@pytest.mark.parametrize(
    ("names", "said", "expected"),
    [
        (conventions.TENANT, {"microsoft.tenant.id": "acme"}, "acme"),
        (conventions.TENANT, {attributes.TENANT_ID: "acme", "tenant.id": "fjord"}, "acme"),
        (conventions.TENANT, {attributes.TENANT_ID: "", "tenant.id": "fjord"}, "fjord"),
        (conventions.SESSION, {"gen_ai.conversation.id": "c", "session.id": "s"}, "c"),
        (conventions.CALL_ID, {"gen_ai.tool.call.id": "<not specified>", "tool.id": "7"}, "7"),
        (conventions.ARGUMENTS, {"tool.parameters": "{schema}", "input.value": "acme"}, "acme"),
        (conventions.SUBJECT, {"user.id": 7}, "7"),
        (conventions.ERROR, {"error.type": "tool_error"}, "tool_error"),
        (conventions.AGENT, {}, ""),
    ],
)
def test_the_first_name_with_a_value_wins(
    names: tuple[str, ...], said: dict[str, Any], expected: str
) -> None:
    assert first(said, names) == expected


def test_structured_arguments_are_read_as_json() -> None:
    """The conventions allow a map where most emitters write JSON text; both read the same."""
    said = {"gen_ai.tool.call.arguments": {"customer": "acme"}}
    assert first(said, conventions.ARGUMENTS) == '{"customer": "acme"}'


def test_a_value_that_cannot_be_text_is_named_by_its_type() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    assert first({"input.value": cycle}, conventions.ARGUMENTS) == "<list>"


def test_what_is_read_as_arguments_or_result_is_content() -> None:
    """Whatever dialect it comes in: it is not stored by default."""
    for name in (*conventions.ARGUMENTS, *conventions.RESULT):
        assert is_content(name), name
    for _event, name in (*conventions.ARGUMENT_EVENTS, *conventions.RESULT_EVENTS):
        assert is_content(name), name


def test_nothing_that_binds_a_call_is_content() -> None:
    """Dropping content must not drop who, for whom or which tool."""
    facts = {
        constant: names
        for constant, names in vars(conventions).items()
        if constant.isupper() and not constant.startswith("_")
    }
    for content in ("ARGUMENTS", "RESULT", "ARGUMENT_EVENTS", "RESULT_EVENTS", "CONTENT"):
        del facts[content]
    del facts["STEPS"]
    for constant, names in facts.items():
        assert not any(is_content(name) for name in names), constant
    assert not any(is_content(rule.attribute) for rule in conventions.STEPS)


def test_flattened_messages_and_repeated_content_are_content() -> None:
    assert is_content("llm.input_messages.0.message.content")
    assert is_content("gen_ai.prompt.0.content")
    assert is_content("exception.message")
    assert is_content("db.query.text")
    assert not is_content("db.query.summary")
    assert not is_content("gen_ai.usage.input_tokens")


def test_the_table_is_data_that_sql_can_say() -> None:
    """Plain strings; a star stands only at the end; each rule gives at least one condition."""
    for name in conventions.CONTENT:
        assert "*" not in name[:-1]
        assert len(name) > 3
    assert len(set(conventions.CONTENT)) == len(conventions.CONTENT)
    for rule in conventions.STEPS:
        assert rule.attribute
        assert all(isinstance(getattr(rule, f.name), str) for f in dataclasses.fields(rule))
    assert len(set(conventions.STEPS)) == len(conventions.STEPS)


@given(
    st.text(max_size=40),
    st.dictionaries(
        st.sampled_from([rule.attribute for rule in conventions.STEPS]),
        st.one_of(st.none(), st.text(max_size=12), st.integers(), st.lists(st.text(max_size=3))),
        max_size=4,
    ),
)
def test_any_span_is_read_without_complaint(name: str, said: dict[str, Any]) -> None:
    assert step(name, said) in ("", "tool", "handoff", "agent", "llm")
    assert tool_name(name, said) is not None
