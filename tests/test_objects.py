"""Python values as text and JSON: of a long one the first part is read, and records stay apart."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, introductions, objects, settings
from partywall.fingerprint_keys import parse
from partywall.remembered import LONGEST

KEY = "0123456789abcdef" * 4
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=9),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.text(max_size=5), st.integers(), st.none()), inner, max_size=4
        ),
    ),
    max_leaves=12,
)
RECORDS = [
    {"id": n, "from": f"p{n}@acme.example", "note": f"note number {n} " * 3} for n in range(3_000)
]


@given(VALUES)
def test_a_small_value_is_the_json_that_python_writes(value: object) -> None:
    """Whatever it holds, to the last sign."""
    if isinstance(value, str):
        assert objects.as_json(value) == value
    else:
        assert objects.as_json(value) == json.dumps(value, ensure_ascii=False)


def called(memory: InMemorySpanExporter, result: object) -> dict[str, Any]:
    """The attributes of a decorated call that returned this."""

    @partywall.tool
    def find() -> object:
        return result

    with partywall.session(tenant="acme"):
        find()
    return dict(memory.get_finished_spans()[0].attributes or {})


@pytest.mark.parametrize("result", [RECORDS, json.dumps(RECORDS)], ids=["objects", "text"])
def test_a_long_result_of_a_decorated_tool_keeps_its_records_apart(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, result: object
) -> None:
    """The first records are told as if there were no others; what was not read is said."""
    monkeypatch.setenv(settings.FINGERPRINT_KEY.name, KEY)
    said = called(memory, result)
    secret = parse(KEY)[0].secret
    facts = introductions.result_facts(secret, "[]", json.dumps(RECORDS[:100]))
    terms = attributes.RECORD_TERMS
    assert said[terms] == facts[terms]
    assert said[attributes.INTRODUCES].startswith("email scalar:")
    assert str(facts[attributes.INTRODUCES]).startswith("email scalar:")
    assert said[attributes.VALUES_MISSING] == "too long"
    assert len(said[attributes.VALUES_OUT]) == 64


def test_a_list_of_more_records_than_are_read_is_read_from_its_beginning() -> None:
    """The bound is on what is looked at, not on how long the list is."""
    text, cut = objects.text_of([{"to": f"p{n}@acme.example"} for n in range(100_000)])
    assert cut
    assert text.startswith("to\np0@acme.example\nto\np1@acme.example\n")
    found = json.loads(objects.as_json([{"n": n} for n in range(100_000)]))
    assert found[:-1] == [{"n": n} for n in range(len(found) - 1)]  # the last may be cut
    assert 500 < len(found) <= objects.WIDEST


def test_long_texts_in_a_value_leave_the_ones_before_them_whole() -> None:
    """JSON is JSON up to where it was cut."""
    value = {"first": "ann@example.com", "second": "x" * 200_000, "third": "never read"}
    found = json.loads(objects.as_json(value))
    assert found["first"] == "ann@example.com"
    assert found["second"].strip("x") == ""
    assert len(found["second"]) > LONGEST - 100
    assert "third" not in found


def test_a_value_that_stands_in_many_places_costs_no_more_than_one_that_does_not() -> None:
    """Written out, this one has 10 ** 20 parts."""
    value: list[object] = ["x"]
    for _ in range(10):
        value = [value] * 100
    assert len(objects.as_json(value)) < 10 * objects.WIDEST


def test_what_json_cannot_hold_does_not_spoil_the_rest() -> None:
    """Cycles, odd keys, endless numbers and objects."""
    record: dict[object, object] = {
        ("a", 1): "ann@example.com",
        "ratio": math.nan,
        "huge": 10**10_000,
        "set": {"b"},
        "bytes": b"c",
        "other": object(),
    }
    record["self"] = record
    assert json.loads(objects.as_json([record])) == [
        {
            "a\n1": "ann@example.com",
            "ratio": None,
            "huge": None,
            "set": ["b"],
            "bytes": "c",
            "other": None,
            "self": None,
        }
    ]
