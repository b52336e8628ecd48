"""The facts that the SDK takes and those that the collector takes at load are the same."""

import json
import random

import pytest

from partywall import conventions, fingerprint_keys, fingerprints, identifiers
from partywall_collector.store import Store
from partywall_collector.store.rendering import render

SPANS = 10_000
FACTS = ("TENANT", "SESSION", "REQUEST", "SUBJECT", "AGENT", "DATASET", "OPERATION", "ARGUMENTS")
VALUES = (
    "",
    "<not specified>",
    "acme",
    '{"tenant_id": "acme", "thread_id": "t-1"}',
    '{"tenant_id": 7, "tenant": "fjord", "user_id": "<not specified>"}',
    '{"metadata": {"tenant_id": "inner"}}',
    '["tenant_id"]',
    '{"tenant_id": ',
    "it's \\ 'quoted'",
    '{"lc_agent_name": "müller \\u00e9", "request_id": "REQ-7"}',
)
PARTS = (
    "ann@example.com",
    "DE89 3704 0044 0532 0130 00",
    "0b9f4a52-8f0e-4f54-9f4e-0a3f4a8f0e4f",
    "https://Www.Example.com/path?q=1",
    "+47 22 33 44 55",
    "INV-2024001",
    "tok_0123456789abcdefghij",
    "an ordinary text",
    "müller",
    "a\nb@example.com",
    'quoted "bob@example.com"',
    "C:\\new",
    "it's",
    "10.0.0.7/24",
)


def rows(texts: list[str]) -> str:
    return "\n".join(json.dumps({"text": text}) for text in texts)


def said(pick: random.Random) -> str:
    """Arguments or a result in one of the shapes that agents write."""
    values = {f"k{n}": pick.choice(PARTS) for n in range(pick.randrange(1, 4))}
    if pick.random() < 0.2:
        values["k9"] = pick.choice((None, True, False))  # pyright: ignore[reportArgumentType] # on purpose
    match pick.randrange(8):
        case 0:
            return " ".join(map(str, values.values()))
        case 1:
            return json.dumps(values)
        case 2:
            return json.dumps(values, ensure_ascii=False)
        case 3:
            return json.dumps({"tool_name": "x", "arguments": values})
        case 4:
            return json.dumps({"input_str": str(values), "tags": []})
        case 5:
            return json.dumps(json.dumps(values))
        case 6:
            return json.dumps(list(values.values()))
        case _:
            return json.dumps(values)[: pick.randrange(40)]


@pytest.mark.parametrize("fact", FACTS)
def test_python_and_clickhouse_find_the_same_fact(store: Store, fact: str) -> None:
    """Also inside JSON metadata, which may be broken, nested or of another type."""
    names: tuple[str, ...] = getattr(conventions, fact)
    keys = sorted({name.partition(":")[0] for name in names})
    pick = random.Random(fact)
    spans = [
        {key: pick.choice(VALUES) for key in pick.sample(keys, min(len(keys), pick.randrange(4)))}
        for _ in range(SPANS // len(FACTS))
    ]
    found = store.rows(
        render(f"SELECT firstNonDefault(${{{fact} of attributes}}) AS said FROM ")
        + "format(JSONEachRow, 'attributes Map(String, String)', {spans:String})",
        {"spans": "\n".join(json.dumps({"attributes": span}) for span in spans)},
    )
    here = [conventions.first(span, names) for span in spans]
    assert [row["said"] for row in found] == here
    assert len(set(here)) > 2


def test_python_and_clickhouse_fingerprint_a_text_alike(store: Store) -> None:
    """Arguments are unwrapped, identifiers found and hashed in the same way, capped apart."""
    (key,) = keys = fingerprint_keys.parse("0123456789abcdef" * 4)
    pick = random.Random(20261123)
    texts = [said(pick) for _ in range(SPANS)]
    found = store.rows(
        "SELECT arrayMap(found -> partywall_fingerprint(found.1, found.2, unhex({key:String})), "
        "partywall_identifiers(partywall_unescaped(partywall_arguments(text)))) AS numbers FROM "
        "format(JSONEachRow, 'text String', {texts:String})",
        {"texts": rows(texts), "key": key.secret.hex()},
    )
    differing = [
        (text, here, row["numbers"])
        for text, row in zip(texts, found, strict=True)
        if (here := [int(number) for number in fingerprints.of_arguments(keys, text).numbers])
        != row["numbers"]
    ]
    assert not differing
    assert sum(bool(row["numbers"]) for row in found) > SPANS // 2


def test_the_bare_value_of_a_single_argument_fills_a_template(store: Store) -> None:
    """OpenInference loses the name of a tool's only argument."""
    cases = {
        "acme": "crm/acme",
        '{"customer": "acme"}': "crm/acme",
        "{\"input_str\": \"{'customer': 'acme', 'all': None}\"}": "crm/acme",
        '{"tool_name": "x", "arguments": {"customer": "acme"}}': "crm/acme",
        '{"other": "acme"}': "",
        "": "",
    }
    found = store.rows(
        "SELECT partywall_fill('crm/{customer}', partywall_arguments(text)) AS said FROM "
        "format(JSONEachRow, 'text String', {texts:String})",
        {"texts": rows(list(cases))},
    )
    assert {text: row["said"] for text, row in zip(cases, found, strict=True)} == cases


def test_the_printed_form_is_read_where_no_escape_is_needed() -> None:
    """What cannot be told with certainty is left as it stands."""
    unwrapped = conventions.unwrapped
    assert (
        unwrapped(json.dumps({"input_str": "{'a': True, 'b': None}"})) == '{"a": true, "b": null}'
    )
    odd = json.dumps({"input_str": str({"a": "it's"})})
    assert unwrapped(odd) == odd
    assert identifiers.unescape(r"a\/b\nc") == "a/b c"
