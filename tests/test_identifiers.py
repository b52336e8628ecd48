"""Typed identifiers: what is found, its one spelling, and that ClickHouse reads the same."""

import hashlib
import hmac
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partywall import identifiers
from partywall.identifiers import (
    BRIEF,
    BUILT_IN,
    FORMED,
    Identifier,
    find,
    fingerprint,
    normalise,
    values_of,
)
from partywall_collector.store import Store

KEY = bytes(range(32))

PIECES = st.sampled_from(
    (
        *("ann@example.com", "ANN@Example.COM", "a.b+c@mail.example.co.uk", "www.example.com"),
        *(
            "https://example.com/a?b=c",
            "https://good.example@evil.example/x",
            "http://10.0.0.1:80/",
        ),
        *("DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "+49 (30) 1234 5678"),
        *("4111 1111 1111 1111", "5500000000000004", "4111 1111 1111 1112", "3782 822463 10005"),
        *("account number", "_account_no: ", "bankAccountNumber ", "xAccount ID\n", "20-00-00 "),
        *(
            "55779911",
            "5577 9911",
            "subaccount number ",
            "Konto-Nr. ",
            "A/C no ",
            "word ",
            "7 ",
            "field_7 ",
            "Big ",
            "internationalisations_7 ",
            'key": "',
            "http: ",
        ),
        *("555-123-4567", "123e4567-e89b-12d3-a456-426614174000", "sk_live_abcdefghij0123456"),
        *(
            "ref-69eeab4a",
            "INV-100456",
            "bill.txt",
            "Ann <ann@example.com>",
            "naïve",
            "ünïcode.com",
        ),
        *(
            " ",
            "\n",
            "\t",
            ", ",
            "; ",
            "'",
            '"',
            "<",
            ">",
            ".",
            "@",
            "-",
            "/",
            "\\",
            "\\n",
            "ß",
            "\x00",
        ),
    )
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=12).map("".join),
    st.text(max_size=60),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail Ann@Example.com.", ("email", "ann@example.com")),
        ("see www.Example.com.They said", ("url", "example.com")),
        ("https://good.example@evil.example/?u=ann@example.com", ("url", "evil.example")),
        ("pay DE89 3704 0044 0532 0130 00 now", ("iban", "DE89370400440532013000")),
        ("call +49 (30) 1234-5678", ("phone", "+493012345678")),
        (
            "id 123E4567-E89B-12D3-A456-426614174000",
            ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ),
        ("key sk_live_abcdefghij0123456", ("token", "sk_live_abcdefghij0123456")),
        ("note REF-69eeab4a", ("ref", "ref-69eeab4a")),
        ("pay with 4111 1111-1111 1111 now", ("card", "4111111111111111")),
        ("amex 3782 822463 10005", ("card", "378282246310005")),
        ("card 6304000000000000", ("card", "6304000000000000")),
        ("to 20-00-00 55779911, please", ("account", "55779911")),
        ('{"bank_account_number": "5577-9911"}', ("account", "55779911")),
        ("routing 021000021, Account No. 55779911", ("account", "55779911")),
        ("bankAccountNumber 55779911", ("account", "55779911")),
        ("Kontonummer: 5577 9911", ("account", "55779911")),
    ],
)
def test_an_identifier_is_found_in_its_one_spelling(text: str, found: tuple[str, str]) -> None:
    """Each kind is found inside a sentence, and only that: no host inside a mailbox or a link."""
    assert find(text) == [Identifier(*found)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "hello there", "internationalisation", "2024-05-15 10:00", "a@b"),
        *("4111 1111 1111 1112", "1764110000123", "routing 021000021", "account 2024-11-25"),
        *("account number 1234567", "order 55779911", "20-00-00 today"),
    ],
)
def test_ordinary_text_has_no_identifier(text: str) -> None:
    """Words, dates and half addresses are nothing."""
    assert find(text) == []


def test_an_argument_names_the_values_in_it_or_is_one_itself() -> None:
    """A list of mailboxes is taken apart; a plain name stands for itself."""
    assert values_of("email", "Ann <ann@example.com>, bob@example.com") == [
        "ann@example.com",
        "bob@example.com",
    ]
    assert values_of("user", " Bob ") == ["bob"]
    assert values_of("email", "") == []


def test_every_pattern_has_one_group_and_no_trick() -> None:
    """RE2 has no look-around and no back reference, and reads classes such as \\s otherwise."""
    for kind in FORMED:
        assert re.compile(kind.pattern).groups == 1
        assert not re.search(r"\(\?[=!<]|\\[1-9sSwWdD]", kind.pattern)


def test_a_hostile_text_takes_no_time() -> None:
    """Runs of what a pattern repeats are read in a moment."""
    for piece in ("a", "a.", "a-", "1 ", "aa@", "A1", "+1 ", "http://", "account no ", "41 "):
        find(piece * 20_000)


@given(TEXTS)
def test_no_identifier_is_lost_where_plain_words_are_passed_over(text: str) -> None:
    """What is skipped holds nothing that a pattern, tried at every letter, would find."""
    spans = [span for _, *span in identifiers.spans(text)]
    every = [list(found.span()) for found in re.finditer(BUILT_IN.pattern, text, re.ASCII)]
    assert [span for span in every if span in spans] == spans
    for start, end in (span for span in every if span not in spans):
        assert not find(text[start:end])


@given(TEXTS)
def test_every_match_of_a_kind_holds_its_sign(text: str) -> None:
    """So a short text without any sign need not be searched."""
    for kind in FORMED:
        for match in re.finditer(kind.pattern, text, re.ASCII):
            assert re.search(kind.sign, match[0], re.ASCII), (kind.name, match[0])
    for length in range(BRIEF + 2):
        spans = [identifier for identifier, _, _ in identifiers.spans(text[:length])]
        assert find(text[:length]) == list(dict.fromkeys(spans))


@given(TEXTS)
def test_a_found_value_is_in_its_one_spelling(text: str) -> None:
    """Spelling a value again changes nothing, and no value is found twice."""
    found = find(text)
    assert len(set(found)) == len(found)
    assert all(normalise(each.kind, each.value) == each.value for each in found)


def test_a_fingerprint_depends_on_key_kind_and_value() -> None:
    """Nothing of the three can be changed unnoticed."""
    made = fingerprint(KEY, "email", "ann@example.com")
    assert made == 8_440_212_469_173_862_803
    assert made != fingerprint(KEY[::-1], "email", "ann@example.com")
    assert made != fingerprint(KEY, "user", "ann@example.com")
    assert made != fingerprint(KEY, "email", "bob@example.com")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(TEXTS, min_size=1, max_size=30))
def test_clickhouse_finds_and_fingerprints_the_same(store: Store, texts: list[str]) -> None:
    """The table has two readings and they agree on every text."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    rows = store.rows(
        "SELECT partywall_identifiers(text) AS found, "
        "arrayMap(x -> partywall_fingerprint(x.1, x.2, unhex({key:String})), found) AS prints "
        "FROM (SELECT arrayJoin({texts:Array(String)}) AS text)",
        {"texts": texts, "key": KEY.hex()},
    )
    assert len(rows) == len(texts)
    for text, row in zip(texts, rows, strict=True):
        found = find(text)
        assert [Identifier(*each) for each in row["found"]] == found
        assert row["prints"] == identifiers.fingerprints(KEY, found)


@given(st.binary(max_size=80), st.text(max_size=300))
def test_a_fingerprint_is_an_hmac(key: bytes, value: str) -> None:
    """Of the kind, a zero byte and the value; keys longer than a block of SHA-256 too."""
    message = b"email\0" + value.encode("utf-8", "surrogatepass")
    digest = hmac.digest(key, message, hashlib.sha256)
    assert fingerprint(key, "email", value) == int.from_bytes(digest[:8], "big")
