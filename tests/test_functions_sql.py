"""Functions of the store that have a short way and a long way: both give the same."""

import base64
import json
import random
import re

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue

from partywall import identifiers
from partywall.identifiers import BUILT_IN
from partywall_collector.store import Store
from partywall_collector.store.patterns import is_all_value, whole, without_groups

PARTS = (
    "ann@example.com", "DE89 3704 0044 0532 0130 00", "0b9f4a52-8f0e-4f54-9f4e-0a3f4a8f0e4f",
    "https://Www.Example.com/path?q=1", "+47 22 33 44 55", "555-555-5555", "INV-2024001",
    "tok_0123456789abcdefghij", "10.0.0.7/24", "portal.example", "AB12CDEFGHIJKLMNO", "text",
)  # fmt: skip
ITEMS: tuple[str, ...] = (
    "",
    "7",
    "18446744073709551615",
    "a text",
    "müller",
    "\n",
    "x" * 29,
    "x" * 30,
    "x" * 200,
)


def array(items: list[str]) -> str:
    """A list of strings as the store keeps it."""
    values = [AnyValue(string_value=item) for item in items]
    return base64.b64encode(
        AnyValue(array_value=ArrayValue(values=values)).SerializeToString()
    ).decode()


def test_an_array_is_read_whatever_its_items_are(store: Store) -> None:
    """Short texts are cut at their lengths, all others taken off one by one; 1024 at most."""
    pick = random.Random(20261125)
    lists: list[list[str]] = [
        pick.choices(ITEMS[: pick.choice((3, 9))], k=pick.randrange(12)) for _ in range(500)
    ]
    lists += [["7"] * 1500, ["müller"] * 30, ["\n\x03\n\x01"] * 3]
    rows = store.rows(
        "SELECT partywall_array_items(base64Decode(text)) AS items FROM "
        "format(JSONEachRow, 'text String', {texts:String})",
        {"texts": "\n".join(json.dumps({"text": array(items)}) for items in lists)},
    )
    assert [row["items"] for row in rows] == [items[:1024] for items in lists]


def test_what_is_among_the_known_is_told_of_each_value(store: Store) -> None:
    """As `in` says it, whatever stands twice, and of pairs too."""
    pick = random.Random(20261126)
    for _ in range(20):
        values, known = (pick.choices(range(9), k=pick.randrange(12)) for _ in range(2))
        pairs, pairs_known = ([(str(n), "x") for n in numbers] for numbers in (values, known))
        (row,) = store.rows(
            "SELECT partywall_among({values:Array(UInt16)}, {known:Array(UInt16)}) AS numbers,"
            " partywall_among(CAST({pairs:Array(Tuple(String, String))} AS"
            " Array(Tuple(String, String))), {pairs_known:Array(Tuple(String, String))}) AS pairs",
            {"values": values, "known": known, "pairs": pairs, "pairs_known": pairs_known},
        )
        expected = [value in known for value in values]
        assert row == {"numbers": expected, "pairs": expected}


def test_a_result_full_of_records_takes_memory_in_proportion(store: Store) -> None:
    """Five thousand records, each of which brings somebody in: not each against all others."""
    (row,) = store.rows(
        """
        WITH concat('[', arrayStringConcat(arrayMap(
            number -> format('{{"id": "INV-{0}", "to": "ann@x{0}.example"}}', toString(number)),
            range(materialize(5000))), ','), ']') AS body
        SELECT
            partywall_passages(
                partywall_json_records(body), partywall_lines(''), ['from'], ['x']) AS passages,
            partywall_introductions(passages, [('mail', 'ann@x7.example')], ['bob']) AS found,
            length(passages) AS fields,
            length(found) AS brought_in,
            length(partywall_record_terms(passages, found, repeat('k', 32))) AS terms
        SETTINGS max_memory_usage = 100000000
        """
    )
    assert (row["fields"], row["terms"]) == (10_000, 256)
    assert row["brought_in"] > 9000


@given(st.lists(st.one_of(st.sampled_from(PARTS), st.text("aB7 -.@_:/\n", max_size=9)), max_size=6))
def test_what_was_found_without_groups_tells_its_kind(parts: list[str]) -> None:
    """The match alone says which pattern made it, without the text around it and without groups."""
    text = "".join(parts)
    kinds = [(kind.name, re.compile(whole(kind.pattern), re.ASCII)) for kind in identifiers.FORMED]
    grouped = re.compile(BUILT_IN.pattern, re.ASCII)
    plain = re.compile(without_groups(BUILT_IN.pattern), re.ASCII)
    expected = [
        (m[0], identifiers.FORMED[(m.lastindex or 0) - 1].name) for m in grouped.finditer(text)
    ]
    found = [
        (m[0], next(name for name, pattern in kinds if pattern.match(m[0])))
        for m in plain.finditer(text)
    ]
    assert found == expected


def test_the_value_of_a_kind_is_all_of_the_match_but_for_links() -> None:
    """Only a host has to be cut out again; a class may hold parentheses."""
    assert [k.name for k in identifiers.FORMED if not is_all_value(k.pattern)] == ["url", "account"]
    assert without_groups(r"([(x)]\()[^]()]") == r"(?:[(x)]\()[^]()]"
    assert not is_all_value("(a)(b)")
    assert not is_all_value("x(a)")
