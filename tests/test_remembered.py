"""A text is searched once, and what is quoted in it is known as if it had been searched itself."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partywall import fingerprints, identifiers, introductions, remembered
from partywall.declared import parse
from partywall.identifiers import Identifier, Kinds

QUOTED = st.lists(
    st.one_of(
        st.sampled_from(
            (
                *("ann@example.com", "Ann <ann@example.com>", "@example.com", "ann", "a.b", ".com"),
                *("account number", "account_no", "Konto-Nr.", "12345678", "20-00-00", "57799113"),
                *("4111 1111 1111 1111", "4111", "+47 22 33", "44 55", "DE89 3704 0044", "0532"),
                *("https://example.com/a?b=", "https://u:p", "INV-2024001", "EMP-123456"),
                *("sk_live_abcdefghij0123456", "word ", "", " ", ": ", ", ", "\\", "é", "\n", "x"),
            )
        ),
        st.text(max_size=4),
    ),
    max_size=12,
)


DECLARED = Kinds(
    parse(
        '{"name": "employee", "pattern": "EMP-([0-9]{6})"}\n'
        '{"name": "badge", "pattern": "ann(?:\\"|\\",? )?(4111)"}'
    )
)


@pytest.fixture(params=[identifiers.BUILT_IN, DECLARED], ids=["built in", "declared"])
def kinds(request: pytest.FixtureRequest) -> Iterator[None]:
    """The kinds of the table, and kinds of one's own, of which one runs over a quote."""
    identifiers.put_in_force(request.param)
    yield
    identifiers.put_in_force(identifiers.BUILT_IN)


@pytest.mark.usefixtures("kinds")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUOTED)
def test_a_quoted_text_holds_what_a_search_of_it_alone_finds(pieces: list[str]) -> None:
    """Whatever stands on the other side of its quotes, or runs over them."""
    text = '"'.join(pieces)
    assert remembered.identifiers_in(text) == tuple(identifiers.find(text))
    for piece, found in remembered.in_quotes(text).items():
        assert found == tuple(identifiers.find(piece)), piece


@given(st.dictionaries(st.text(max_size=5), st.lists(QUOTED.map("".join), max_size=3)))
def test_whom_a_result_brings_in_is_the_same_without_that_help(value: object) -> None:
    """JSON with escapes, which are blanks in what is searched as a whole."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        said = introductions.passages(text)
        quoted = remembered.in_quotes(fingerprints.unescaped(text))
        assert introductions.introductions(said, quoted) == introductions.introductions(said, {})


@pytest.mark.parametrize("label", ["account number", "accountNumber"])
def test_a_match_that_runs_over_quotes_is_searched_anew(label: str) -> None:
    """The label stands in one quoted text and the number in another: alone it is no account."""
    text = f'{{"{label}": "57799113", "to": "ann@example.com"}}'
    assert remembered.identifiers_in(text)[0] == Identifier("account", "57799113")
    quoted = remembered.in_quotes(text)
    assert "57799113" not in quoted
    assert quoted["ann@example.com"] == (Identifier("email", "ann@example.com"),)


def test_a_text_of_any_length_is_searched_but_not_held() -> None:
    """What is remembered has a bound."""
    text = "x" * remembered.LONGEST + " ann@example.com"
    assert remembered.identifiers_in(text) == (Identifier("email", "ann@example.com"),)


def test_kinds_that_are_declared_later_are_found_at_once() -> None:
    """What was remembered under other kinds is not taken."""
    text = '["the badge EMP-123456"]'
    key = bytes(32)
    before = introductions.result_facts(key, "", text), introductions.argument_facts(key, text)
    assert remembered.identifiers_in(text)[0].kind == "ref"
    declared = Kinds(parse('{"name": "employee", "pattern": "(EMP-[0-9]{6})", "remove": "-"}'))
    identifiers.put_in_force(declared)
    try:
        assert remembered.identifiers_in(text)[0].kind == "employee"
        after = introductions.result_facts(key, "", text), introductions.argument_facts(key, text)
    finally:
        identifiers.put_in_force(identifiers.BUILT_IN)
    assert before[0] != after[0]
    assert before[1] != after[1]
