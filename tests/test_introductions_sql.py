"""Who a result brings in: what the SDK takes and what the collector takes at load are the same."""

import json
import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any, cast, get_args

import pytest

from partywall import attributes, conventions, introductions
from partywall.introductions import NOBODY, Rank, Writers
from partywall.passages import passages
from partywall_collector.store import Store
from partywall_collector.store.rendering import render

CALLS = 10_000
BODY = "partywall_body(result) AS body, match(body, '^[\\\\[{]') AND isValidJSON(body) AS is_json"
WRITERS = Writers(frozenset(("*",)), frozenset(("from", "a.b", "content")))
NAMED = Writers(frozenset(("body", "ann@example.com", "Name", "items")))
KEY = bytes.fromhex("0123456789abcdef" * 4)
VALUES = (
    "ann@example.com",
    "Ann Smith <ann@example.com>",
    "Ann Smith",
    "bob",
    "True",
    "null",
    "INV-2024001 of 2024-05-15",
    "DE89 3704 0044 0532 0130 00",
    "https://Www.Example.com/path?q=1",
    "write to eve@evil.example, or call +47 22 33 44 55. Regards, Mallory Jones",
    "müller@example.com meets Ärztin Über",
    "line one\nclient: eve@evil.example\nline Three",
    "it's",
    'say "hi" to Bob',
    "C:\\new\\temp",
    "tab\there \x7f \x01",
    "",
    "  spaced  ",
    "x" * 70,
    "Ä" * 33,
    "word " * 60 + "eve@evil.example",
    "- item",
    "key: value",
    "a/b/c.txt",
    "team-minutes.docx",
    "\u2028\u00a0\ufeff",
    "'quoted'",
    "''",
    "@",
    "a@b",
    "😀 Emoji Name",
)
KEYS = ("from", "to", "body", "ann@example.com", "a.b", "Name", "x y", "k@", "content", "n", "")
SCALARS = (None, True, False, 0, -1, 17, 2**63, 1.5, 1e300)
TEXTS = (
    '{"a": NaN}',
    '{"a": 1e999, "b": "ann@example.com"}',
    '{"a": "\\ud800", "b": "ann@example.com"}',
    '{"a": 123456789012345678901234567890, "b": "ann@example.com"}',
    '{"a": "x", "a": "ann@example.com"}',
    '["\\u0061nn@example.com", "\\u00e9\\/\\n"]',
    '[{"a@b": 1}, "bob"]',
    '{"items": [{"to": "ann@example.com"}, 3], "more": [[{"to": "bob@example.com"}]]}',
    "[1, 2",
    "{}",
    "[]",
    "{'a': 'it', \"b\": \"ann@example.com\", 'c': None}",
    "- 'one\n\n  two: ann@example.com'\n- \"x\\ny\"",
    "a: [bob, 'ann@example.com']\nb: {c: 'd'}",
    "ann@example.com: rw\nbob: 'it''s'",
    "- - nested: x\n  - y",
    "key:\r\n  inner: Ann\r\n",
    "k: 'open\n and never closed",
    "\t- tab: x",
    "one: 1\n\n\ntwo: 2",
    '"a quoted text"',
    "bob",
    "two words",
    "<< - a: bob >>",
    '{"content": [{"type": "text", "text": "client: ann@example.com"}]}',
    '{"content": [{"type": "text", "text": 7}]}',
    '{"content": [], "text": "bob"}',
    '{"content": {"text": "bob"}}',
    '{"content": [[{"text": "bob"}], {"text": "ann@example.com"}]}',
    '{"a": "b"} trailing',
    "Résumé: Zoë\n- Ännchen",
)


def structure(pick: random.Random, depth: int = 0) -> object:
    """A value as tools return it."""
    kind = pick.randrange(6) if depth < 3 else 0
    if kind < 3:
        return pick.choice(VALUES) if pick.random() < 0.8 else pick.choice(SCALARS)
    size = pick.randrange(4)
    if kind == 3:
        return [structure(pick, depth + 1) for _ in range(size)]
    return {pick.choice(KEYS): structure(pick, depth + 1) for _ in range(size)}


def yaml(value: Any, indent: int = 0) -> str:
    """Some YAML, not always good YAML."""
    pad = " " * indent
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        return "\n".join(f"{pad}{k}: {yaml(v, indent + 2).lstrip()}" for k, v in members.items())
    if isinstance(value, list):
        return "\n".join(f"{pad}- {yaml(v, indent + 2).lstrip()}" for v in cast(list[Any], value))
    return f"{pad}{value}"


def result(pick: random.Random) -> str:
    """A result in one of the shapes that tools give."""
    value = structure(pick)
    text: Callable[[], str] = pick.choice(
        (
            lambda: json.dumps(value),
            lambda: json.dumps(value, ensure_ascii=False, indent=pick.choice((None, 2))),
            lambda: yaml(value),
            lambda: str(value),
            lambda: f"```\n{json.dumps(value)}\n```",
            lambda: json.dumps({"content": [{"type": "text", "text": yaml(value)}]}),
            lambda: json.dumps({"items": [value, {"a": "Bob"}], "next": "Page Two"}),
            lambda: "\n".join(pick.choice(VALUES) for _ in range(pick.randrange(5))),
            lambda: json.dumps(value)[: pick.randrange(60)],
            lambda: pick.choice(TEXTS),
            lambda: "".join(
                pick.choice("'\"\\ \n-:[{}]a@.Bo1,") for _ in range(pick.randrange(30))
            ),
        )
    )
    return text()


def arguments(pick: random.Random) -> str:
    """A call's arguments."""
    value = {pick.choice(KEYS): structure(pick, 2) for _ in range(pick.randrange(4))}
    return pick.choice((json.dumps(value), json.dumps(value, ensure_ascii=False), result(pick)))


def taken(said: str, returned: str, writers: Writers = NOBODY) -> dict[str, str]:
    """The attributes that the SDK puts on the span of a call."""
    arguments = conventions.unwrapped(said)
    facts = introductions.argument_facts(KEY, arguments) | introductions.result_facts(
        KEY, arguments, returned, writers
    )
    return {name: str(fact) for name, fact in facts.items()}


def lists(writers: Writers) -> dict[str, list[str]]:
    """What the registry's row of a tool holds of its writers."""
    return {"outsiders": sorted(writers.outsiders), "others": sorted(writers.others)}


def test_python_and_clickhouse_read_the_same_passages(store: Store) -> None:
    """JSON, YAML, printed values, documents, and what is broken; and whose fields they are."""
    pick = random.Random(20261125)
    texts = [*TEXTS, *(result(pick) for _ in range(CALLS))]
    ruled = [pick.choice((NOBODY, WRITERS, NAMED)) for _ in texts]
    found = store.rows(
        f"WITH {BODY} SELECT arrayMap(p -> [toString(p.1), toString(p.2), p.3, p.4], "
        "partywall_passages(partywall_json_records(if(is_json, body, '')), "
        "partywall_lines(if(is_json, '', body)), outsiders, others)) AS passages "
        "FROM format(JSONEachRow, "
        "'result String, outsiders Array(String), others Array(String)', {texts:String})",
        {
            "texts": "\n".join(
                json.dumps({"result": text, **lists(writers)})
                for text, writers in zip(texts, ruled, strict=True)
            )
        },
    )
    differing = [
        (text, here, row["passages"])
        for text, writers, row in zip(texts, ruled, found, strict=True)
        if (
            here := [
                [str(record), str(whole).lower(), said, writers.rank(field)]
                for record, whole, said, field in passages(text)
            ]
        )
        != row["passages"]
    ]
    assert not differing[:3], len(differing)


def test_facts_that_a_span_brings_are_those_that_the_collector_would_take(store: Store) -> None:
    """Packed by the SDK and unpacked by the collector, they equal what SQL takes from content."""
    pick = random.Random(20261126)
    calls = [
        (arguments(pick), result(pick), pick.choice((NOBODY, WRITERS, NAMED)))
        for _ in range(CALLS // 2)
    ]
    spans = [taken(*call) for call in calls]
    rows = "\n".join(
        json.dumps({"said": said, "result": returned, "brought": span, **lists(writers)})
        for (said, returned, writers), span in zip(calls, spans, strict=True)
    )
    found = store.rows(
        render(
            "WITH unhex({key:String}) AS secret, partywall_arguments(said) AS arguments, "
            f"{BODY}, "
            "partywall_passages(partywall_json_records(if(is_json, body, '')), "
            "partywall_lines(if(is_json, '', body)), outsiders, others) AS passages, "
            "partywall_introductions("
            "passages, partywall_identifiers(partywall_unescaped(arguments)), "
            "arrayMap(text -> lower(text), partywall_json_strings(arguments))) AS found, "
            "partywall_introduces(found, secret) AS introduces "
            "SELECT partywall_argument_terms(arguments, secret) = "
            "partywall_brought_terms(brought['${ARGUMENT_TERMS}']) AS terms, "
            "introduces = partywall_brought_introductions(brought['${INTRODUCES}']) AS introduced, "
            "length(found) - length(introduces) = "
            "toUInt32OrZero(brought['${INTRODUCES_DROPPED}']) AS dropped, "
            "partywall_record_terms(passages, found, secret) = "
            "partywall_brought_record_terms(brought['${RECORD_TERMS}']) AS records, "
            "arrayDistinct(tupleElement(introduces, 3)) AS ranks "
            "FROM format(JSONEachRow, 'said String, result String, brought Map(String, String), "
            "outsiders Array(String), others Array(String)', {rows:String})"
        ),
        {"rows": rows, "key": KEY.hex()},
    )
    for fact in ("terms", "introduced", "dropped", "records"):
        differing = [call for call, row in zip(calls, found, strict=True) if not row[fact]]
        assert not differing[:3], (fact, len(differing))
    for rank in get_args(Rank):
        assert sum(rank in row["ranks"] for row in found) > CALLS // 40, rank


def test_what_was_taken_without_the_rule_of_its_tool_counts_as_an_outsiders(store: Store) -> None:
    """A sender that does not know who writes a field says `scalar`; text stays text."""
    ranks = ("inside", "scalar", "outsider", "text")
    (row,) = store.rows(
        "WITH arrayMap(rank -> (toUInt64(7), 'email', rank, toUInt16(1)), {ranks:Array(String)}) "
        "AS brought SELECT tupleElement(partywall_ranked(brought, true), 3) AS ruled, "
        "tupleElement(partywall_ranked(brought, false), 3) AS free",
        {"ranks": list(ranks)},
    )
    assert row["ruled"] == ["scalar", "outsider", "outsider", "text"]
    assert row["free"] == ["scalar", "scalar", "outsider", "text"]


@pytest.mark.parametrize(
    "text",
    ["", "x", ":", "email scalar:", "email scalar:x", "a b:" + "A" * 100_000]
    + [f"email scalar:{b64encode(bytes([255]) * size).decode()}" for size in (1, 10, 11, 12, 3000)]
    + [b64encode(bytes(range(256))).decode(), "email" * 9000 + ":" + b64encode(b"1" * 22).decode()],
)
def test_what_a_sender_packed_badly_is_ignored(store: Store, text: str) -> None:
    """Hostile lengths and encodings give nothing or few entries, and never an error."""
    (row,) = store.rows(
        "SELECT length(partywall_brought_introductions({text:String})) AS introductions, "
        "length(partywall_brought_terms({text:String})) AS terms, "
        "length(partywall_brought_record_terms({text:String})) AS records",
        {"text": text},
    )
    assert row["introductions"] <= introductions.MOST
    assert row["terms"] <= introductions.MOST_ARGUMENT_TERMS
    assert row["records"] <= introductions.MOST_RECORD_TERMS


def test_the_attributes_are_named_for_what_they_carry() -> None:
    """Nothing but numbers: no word of what was said or returned."""
    said = taken('{"query": "windmill"}', '[{"from": "Quixote", "to": "ann@example.com"}]')
    assert set(said) == {
        attributes.ARGUMENT_TERMS,
        attributes.INTRODUCES,
        attributes.RECORD_TERMS,
    }
    assert not any(word in str(said) for word in ("windmill", "uixote", "example"))
