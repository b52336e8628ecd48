"""What is kept of a request's text, and that the text is not."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partywall.identifiers import Identifier
from partywall.request import Item, RequestFacts, parts, read_request
from partywall.terms import Hasher, words
from partywall_collector.store import Store

KEY = bytes(range(32))
HASHER = Hasher(KEY)


def item_of(text: str) -> Item:
    """The facts of a request with one part."""
    (item,) = read_request(text, KEY).items
    return item


def test_the_text_is_not_kept() -> None:
    """Only what the request names is left in plain; no other word of it can be read."""
    kept = read_request("Send the secret plans to ann@example.com", KEY).to_json()
    assert "ann@example.com" in kept
    for word in ("secret", "plans", "Send"):
        assert word not in kept


def test_facts_survive_the_way_through_the_store() -> None:
    """Reading back gives the same facts; a session without text has none."""
    facts = read_request("1. Mail ann@example.com. 2. Is 'notes.txt' from 2024-05-15?", KEY)
    assert RequestFacts.from_json(facts.to_json()) == facts
    assert RequestFacts.from_json("{}") is None
    assert RequestFacts.from_json("") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Do this: 1. Read it. 2. Pay it.", ["Read it.", "Pay it."]),
        ("1) Read it 2) Pay it", ["Read it", "Pay it"]),
        ("Read it. Pay 12. July is late.", ["Read it. Pay 12. July is late."]),
        ("Version 1. is out", ["Version 1. is out"]),
        ("", [""]),
    ],
)
def test_a_numbered_list_is_taken_apart(text: str, expected: list[str]) -> None:
    """Only numbers that count up from one make parts."""
    assert parts(text) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("open 'Team Plan' for me", "team plan"),
        ('open "budget" for me', "budget"),
        ("read report-may.docx", "report-may.docx"),
        ("what about 2024-05-15", "2024-05-15"),
        ("what about May 15th, 2024", "2024-05-15"),
        ("the note that Bob wrote", "bob"),
        ("mail ann@example.com", "ann@example.com"),
    ],
)
def test_names_point(text: str, name: str) -> None:
    """Quoted phrases, files, dates, capitalised words and identifiers point by themselves."""
    assert HASHER.term(name) in item_of(text).names


def test_function_words_and_parts_of_addresses_point_at_nothing() -> None:
    """Else any two mailboxes of one provider would point at each other."""
    words_of = item_of("please send it to ann@example.com, see www.example.com").words
    for word in ("please", "the", "www", "com", "example", "ann"):
        assert HASHER.term(word) not in words_of


@pytest.mark.parametrize(
    ("text", "reaches", "only_asks"),
    [
        ("Pay the bill", True, False),
        ("Can you pay the bill?", True, False),
        ("Tell Bob that I am late", True, False),
        ("Tell me who was there", False, False),
        ("How many meetings are there today?", False, True),
        ("What does the invoice say?", False, True),
        ("Could you look who was there?", False, False),
        ("Look who was there. How many?", False, False),
        ("Show the letters that were mailed or shared", False, False),
        ("Set up a monthly payment to the club", True, False),
        ("Make sure to adjust my payment", False, False),
        ("Update the standing order", False, False),
        ("Get me the code. It is in an email I received", False, False),
        ("Get me the code from the last unread message", False, False),
        ("Say hello in an email to Bob", True, False),
        ("Email me the code that is in the letter", True, False),
        ("List their email addresses", False, False),
        ("Read the paper, think of two more and add them to the file", False, False),
        ("Add what is needed for the cake to the shopping list", False, False),
        ("Add Bob to the mailing list", True, False),
        ("Add Bob to the meeting", True, False),
        ("Add it to the file and send it to Bob", True, False),
    ],
)
def test_what_a_request_asks_for(text: str, reaches: bool, only_asks: bool) -> None:
    """An order to reach somebody, another order, or a mere question."""
    item = item_of(text)
    assert (item.reaches, item.only_asks) == (reaches, only_asks)


def test_another_key_gives_other_hashes() -> None:
    """Hashes of two stores do not compare."""
    text = "open 'Team Plan' for Bob"
    assert not item_of(text).names & read_request(text, KEY[::-1]).items[0].names


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_clickhouse_cuts_and_hashes_words_the_same(store: Store, texts: list[str]) -> None:
    """A request is read in Python and a call in SQL: their terms must compare."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    rows = store.rows(
        "SELECT partywall_words(text) AS found, "
        "arrayMap(word -> partywall_term(word, unhex({key:String})), found) AS terms "
        "FROM (SELECT arrayJoin({texts:Array(String)}) AS text)",
        {"texts": texts, "key": KEY.hex()},
    )
    for text, row in zip(texts, rows, strict=True):
        assert row["found"] == words(text)
        assert row["terms"] == [HASHER.term(word) for word in words(text)]


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever a ticket holds, it gives facts that can be written and read."""
    facts = read_request(text, KEY)
    assert RequestFacts.from_json(facts.to_json()) == facts
    json.loads(facts.to_json())
    assert all(isinstance(found, Identifier) for found in facts.named)
