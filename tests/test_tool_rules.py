"""The registry's rules for tools in the SDK: the same file, and the same reading as in SQL."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, conventions, settings, tool_rules
from partywall.errors import InstrumentError
from partywall.facts import FactsExporter
from partywall.tool_rules import Arguments, ToolRule
from partywall_collector.store import Store

CALLS = 5_000
TEMPLATES = ("file/{path}", "{a}", "pg://{a}.{b}/{path}", "fixed", "{x y}{a}", "{}{a}")
NAMES = ("path", "a", "b", "x y")
VALUES: tuple[Any, ...] = (
    "crm",
    "a/b.txt",
    "Ann <ann@example.com>, bob@example.com",
    "DE89 3704 0044 0532 0130 00",
    "",
    None,
    True,
    7,
    -1.5,
    1e21,
    1e-7,
    0.1,
    123456789012345680000.0,
    2**64,
    ["ann@example.com", "bob", 3, None, ["x"], {"k": "v"}],
    [],
    {"k": "a/b", "n": [1, 2.0, None], "ü": "\u2028\x07\t\\"},
    'é {a} \n \\ "quoted"',
)
RULE = ToolRule("{a}", TEMPLATES, "email", ("path", "a"))


def said(pick: random.Random) -> str:
    """Arguments as agents write them, and as they should not."""
    value = {pick.choice(NAMES): pick.choice(VALUES) for _ in range(pick.randrange(4))}
    match pick.randrange(8):
        case 0:
            return json.dumps(value, ensure_ascii=False, indent=1)
        case 1:
            return json.dumps({"tool_name": "x", "arguments": value})
        case 2:
            return json.dumps(json.dumps(value))
        case 3:
            return json.dumps(value)[: pick.randrange(30)]
        case 4:
            return pick.choice(("", "bare", " [1", "ann@example.com", '["a"]', "\n{}", "7", '"a"'))
        case _:
            return json.dumps(value)


def test_python_and_clickhouse_read_the_same_from_arguments(store: Store) -> None:
    """Templates, parties and operations, from any arguments."""
    pick = random.Random(20261127)
    texts = [said(pick) for _ in range(CALLS)]
    found = store.rows(
        "WITH partywall_arguments(text) AS arguments SELECT "
        "arrayMap(t -> partywall_fill(t, arguments), {templates:Array(String)}) AS filled, "
        "arrayDistinct(arrayFlatten(arrayMap(item -> partywall_values_of('email', item), "
        "arrayFlatten(arrayMap(a -> partywall_argument_items(arguments, a), ['path', 'a']))))) "
        "AS parties, partywall_argument(arguments, 'a') AS done "
        "FROM format(JSONEachRow, 'text String', {texts:String})",
        {
            "templates": list(TEMPLATES),
            "texts": "\n".join(json.dumps({"text": text}) for text in texts),
        },
    )
    differing: list[tuple[str, Any, Any]] = []
    for text, row in zip(texts, found, strict=True):
        arguments = Arguments(conventions.unwrapped(text))
        here = {
            "filled": [arguments.filled(template) for template in TEMPLATES],
            "parties": RULE.parties(arguments),
            "done": RULE.done(arguments),
        }
        if here != row:
            differing.append((text, here, row))
    assert not differing[:3], len(differing)
    assert sum(bool(row["parties"]) for row in found) > CALLS // 4


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the process reads its rules from."""
    file = tmp_path / "tools.json"
    monkeypatch.setenv(settings.TOOLS.name, str(file))
    return file


def exported(texts: dict[str, str]) -> Any:
    """The one exported span of a tool call."""
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(FactsExporter(memory)))
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "mail"}
    provider.get_tracer("a framework").start_span("x", attributes=tool | texts).end()
    (span,) = memory.get_finished_spans()
    return span


def test_what_arguments_name_leaves_without_them(rules: Path) -> None:
    """Datasets, parties and the operation; the arguments stay."""
    rule = {
        "tool": "mail",
        "operation": "send",
        "datasets": ["box/{to}", "log/{day}"],
        "party": {"kind": "email", "arguments": ["to"]},
    }
    rules.write_text(json.dumps({"tools": [rule], "tenants": []}))
    given = json.dumps({"to": "Ann@Example.com", "day": "monday", "body": "canary"})
    span = exported({"gen_ai.tool.call.arguments": given})
    assert span.attributes[attributes.DATASET_ID] == "box/Ann@Example.com"
    assert span.attributes[attributes.DATASET_OPERATION] == "send"
    assert span.attributes[attributes.PARTY_ID] == "ann@example.com"
    assert [dict(event.attributes)[attributes.DATASET_ID] for event in span.events] == [
        "log/monday"
    ]
    assert "canary" not in span.to_json()


def test_what_a_span_says_itself_counts_more(rules: Path) -> None:
    """The rule fills in what is not said."""
    rule = {
        "tool": "mail",
        "operation": "send",
        "datasets": ["box/{to}"],
        "party": {"kind": "email", "arguments": ["to"]},
    }
    rules.write_text(json.dumps({"tools": [rule]}))
    own = {attributes.DATASET_ID: "own", attributes.PARTY_ID: "p", attributes.PARTY_KIND: "user"}
    span = exported(own | {"gen_ai.tool.call.arguments": '{"to": "ann@example.com"}'})
    kept = {name: span.attributes[name] for name in own}
    assert (kept, span.attributes[attributes.OPERATION]) == (own, "send")


def test_a_decorated_function_follows_the_rules_where_it_is_silent(
    rules: Path, memory: InMemorySpanExporter
) -> None:
    """Its arguments are on no span and stay there; what the decorator says itself counts more."""
    rule = {
        "tool": "mail",
        "operation": "send",
        "datasets": ["box/{to}", "log/{day}"],
        "party": {"kind": "email", "arguments": ["to"]},
    }
    rules.write_text(json.dumps({"tools": [rule]}))

    @partywall.tool(name="mail")
    def ruled(to: list[str], day: str = "monday", body: object = None) -> str:
        return f"sent {body}"

    @partywall.tool(name="mail", dataset="own/{to}", operation="write")
    def own(to: str) -> str:
        return "sent"

    with partywall.session(tenant="acme"):
        ruled(["Ann@Example.com", "bob@example.com"], body="a canary")
        own(to="ann@example.com")
    by_rule, by_itself, _close = memory.get_finished_spans()
    said = dict(by_rule.attributes or {})
    assert said[attributes.PARTY_ID] == ("ann@example.com", "bob@example.com")
    assert said[attributes.DATASET_ID] == 'box/["Ann@Example.com","bob@example.com"]'
    assert said[attributes.DATASET_OPERATION] == "send"
    assert [(e.attributes or {})[attributes.DATASET_ID] for e in by_rule.events] == ["log/monday"]
    assert "canary" not in by_rule.to_json()
    said = dict(by_itself.attributes or {})
    assert (said[attributes.DATASET_ID], said[attributes.DATASET_OPERATION]) == (
        "own/ann@example.com",
        "write",
    )
    assert said[attributes.PARTY_ID] == "ann@example.com"


def test_facts_say_which_fields_outsiders_write(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender of a mail is an outsider's, its folder is not; the twin has no such rule."""
    monkeypatch.setenv(settings.FINGERPRINT_KEY.name, "5a" * 32)
    result = {"gen_ai.tool.call.result": '[{"sender": "a@b.example", "folder": "c@d.example"}]'}
    said: list[str] = []
    for rule in ({"result": {"outsiders": ["*"], "except": ["folder"]}}, {}):
        rules.write_text(json.dumps({"tools": [{"tool": "mail", **rule}]}))
        tool_rules._read.cache_clear()  # pyright: ignore[reportPrivateUsage]
        said.append(exported(result).attributes[attributes.INTRODUCES].partition(":")[0])
    assert said == ["email outsider,email inside", "email scalar"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no JSON"),
        ("[]", "no list `tools`"),
        ('{"tools": [3]}', "tools[0]: expected {tool, operation, datasets, party, result}"),
        ('{"tools": [{"operation": "read"}]}', "tools[0].tool is missing"),
        ('{"tools": [{"tool": "x", "dataset": "y"}]}', "unknown key 'dataset'"),
        ('{"tools": [{"tool": "x", "datasets": "y"}]}', "tools[0].datasets: expected a list"),
        ('{"tools": [{"tool": "x", "party": {"kind": "mail", "arguments": ["a"]}}]}', "'mail'"),
        ('{"tools": [{"tool": "x", "party": {"kind": "email"}}]}', "both `kind` and `arguments`"),
        ('{"tools": [{"tool": 7}]}', "expected text, got 7"),
        ('{"tools": [{"tool": "x", "result": {"outsider": []}}]}', "unknown key 'outsider'"),
        ('{"tools": [{"tool": "x", "result": {"except": ["id"]}}]}', "result.except stands beside"),
    ],
)
def test_a_mistake_is_named_with_its_place(rules: Path, text: str, told: str) -> None:
    """The file, the entry and the key, and what is expected there."""
    rules.write_text(text)
    with pytest.raises(InstrumentError) as refused:
        tool_rules.rules()
    assert str(rules) in str(refused.value)
    assert told in str(refused.value)


def test_yaml_is_read_where_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's own file serves; without PyYAML the error says what to do."""
    file = tmp_path / "registry.yaml"
    file.write_text("tools:\n  - {tool: read, operation: read, datasets: ['file/{path}']}\n")
    monkeypatch.setenv(settings.TOOLS.name, str(file))
    assert tool_rules.rules() == {"read": ToolRule("read", ("file/{path}",))}
    other = tmp_path / "other.yaml"
    other.write_text("tools: []")
    monkeypatch.setenv(settings.TOOLS.name, str(other))
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(InstrumentError, match="pip install pyyaml"):
        tool_rules.rules()
    monkeypatch.setenv(settings.TOOLS.name, str(tmp_path / "none.json"))
    with pytest.raises(InstrumentError, match="cannot be read"):
        tool_rules.rules()
