"""Whose a dataset or a party is: the most specific pattern counts, and no pattern can hang us."""

import fnmatch
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partywall_collector.registry import DatasetOwner, Party, Registry, matches, matches_party
from partywall_collector.registry.patterns import BadPattern, Matcher, compile_pattern

NAMES = st.text("ab/.*?[]-!", min_size=1, max_size=10)


def own(tenant: str, kind: str, pattern: str, relation: str = "own") -> Party:
    return Party(tenant=tenant, party_kind=kind, pattern=pattern, relation=relation)


@settings(deadline=None)
@given(pattern=NAMES, subject=NAMES)
def test_a_glob_matches_what_fnmatch_says(pattern: str, subject: str) -> None:
    """The look-up by literal ends changes no answer."""
    expected = fnmatch.fnmatchcase(subject, pattern)
    assert matches(pattern, subject) == expected
    assert Matcher([(pattern, 1)]).find(subject) == ((1,) if expected else ())


@settings(deadline=None)
@given(patterns=st.lists(NAMES, max_size=8), subject=NAMES)
def test_some_pattern_is_found_whenever_one_matches(patterns: list[str], subject: str) -> None:
    """The index never loses a match, and what it finds does match."""
    found = Matcher((pattern, pattern) for pattern in patterns).find(subject)
    assert bool(found) == any(matches(pattern, subject) for pattern in patterns)
    assert all(matches(pattern, subject) for pattern in found)


def test_the_most_specific_pattern_counts() -> None:
    """Exact beats a longer beginning, that beats a longer end, whatever their order."""
    patterns = ["*", "*.csv", "s3://a/*", "s3://a/b*", "s3://a/b/c.csv", "regex:^s3://a/b/.*$"]
    expected = {
        "s3://a/b/c.csv": "s3://a/b/c.csv",
        "s3://a/b/d.csv": "regex:^s3://a/b/.*$",
        "s3://a/b": "s3://a/b*",
        "s3://a/x.csv": "s3://a/*",
        "s3://x.csv": "*.csv",
        "other": "*",
    }
    for order in (patterns, patterns[::-1]):
        matcher = Matcher((pattern, pattern) for pattern in order)
        assert {subject: matcher.find(subject)[0] for subject in expected} == expected


def test_an_owner_comes_with_what_is_known_of_the_dataset() -> None:
    """The answer names tenant, ownership, weight and the pattern that decided; None if unknown."""
    registry = Registry(
        [
            DatasetOwner(pattern="crm/acme.*", owner="acme", sensitive=True),
            DatasetOwner(pattern="public/*", ownership="commons"),
        ]
    )
    owner = registry.owner("crm/acme.orders")
    assert owner is not None
    assert (owner.tenant, owner.sensitive, owner.pattern) == ("acme", True, "crm/acme.*")
    commons = registry.owner("public/x")
    assert commons is not None
    assert (commons.tenant, commons.ownership) == ("", "commons")
    assert registry.owner("crm/fjord.orders") is None


def test_a_party_is_judged_in_its_one_spelling() -> None:
    """Letter case of a mailbox and spaces of an account number do not make a stranger."""
    registry = Registry(
        [
            own("acme", "email", "*@ACME.example"),
            own("acme", "iban", "DE89 3704 0044 0532 0130 00", "standing"),
            own("fjord", "email", "*@fjord.example"),
        ]
    )
    assert registry.party("acme", "email", " Ann@Acme.Example") == "own"
    assert registry.party("acme", "iban", "de89370400440532013000") == "standing"
    assert registry.party("acme", "email", "bob@fjord.example") == "foreign"
    assert registry.party("nobody", "email", "ann@acme.example") == "foreign"
    assert registry.party_owner("email", "BOB@fjord.example") == "fjord"
    assert registry.party_owner("iban", "DE89370400440532013000") is None
    assert matches_party("*@ACME.example", "email", "ann@acme.EXAMPLE")


def test_a_party_that_two_tenants_claim_alike_is_nobodys() -> None:
    """We do not guess whose it is; each of them still knows it as its own."""
    registry = Registry(
        [own("a", "email", "*@shared.example"), own("b", "email", "*@shared.example")]
    )
    assert registry.party_owner("email", "x@shared.example") is None
    assert registry.party("b", "email", "x@shared.example") == "own"


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a+)+$",
        r"^(a|aa)*$",
        r"^(a?){64}$",
        r"^.*a.*b.*$",
        r"^(a{0,99}){0,99}$",
        r"^a{1,999}a{1,999}a{1,999}$",
        r"^(?=a)a$",
        r"^(a)\1$",
        r"^(?i)a$",
        r"^a++$",
        r"^a**$",
        r"^[[:alpha:]]$",
        r"^[a--b]$",
        r"^a{3,1}$",
        r"^[z-a]$",
        "^" + "(" * 400 + ")" * 400 + "$",
        "^a" * 600 + "$",
        r"^a)$",
        r"^(a$",
        r"^[a$",
        r"^*a$",
        r"a.*",
        "",
    ],
)
def test_a_regular_expression_that_could_hang_or_is_none_is_refused(pattern: str) -> None:
    """Refused when it is read, with a reason; never met at matching time."""
    with pytest.raises(BadPattern, match=r"\w"):
        compile_pattern(f"regex:{pattern}")


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (
            r"^(sales|ops)-[a-z]+@([a-z]+\.)?acme\.example$",
            "ops-a@b.acme.example",
            "x@acme.example",
        ),
        (r"^([0-9]{1,3}\.){3}[0-9]{1,3}$", "10.0.0.1", "10.0.0"),
        (r"^([a-z]{2}/)*x$", "ab/cd/x", "a/x"),
        (r"^ac?me$", "ame", "acmee"),
        (r"^acme{2,3}$", "acmee", "acme"),
        (r"^(?:a|b)[^\]x-]\d\$$", "a_1$", "ax1$"),
        (r"^a|b$", "b", "ab"),
    ],
)
def test_regular_expressions_that_people_write_work(pattern: str, yes: str, no: str) -> None:
    """Groups, alternatives, classes and bounded repeats are enough for names."""
    assert matches(f"regex:{pattern}", yes)
    assert not matches(f"regex:{pattern}", no)
    assert re.compile(pattern).fullmatch(yes)


def test_the_worst_allowed_pattern_ends_soon() -> None:
    """A subject made to make it slow costs milliseconds; a longer one is not tried."""
    start = time.process_time()
    assert not matches("regex:^.*a.*b$", "a" * 1024)
    assert not matches("*a*a*a*a*a*a*a*b", "a" * 1024)
    assert not matches("regex:^.*a.*b$", "a" * 10_000_000 + "b")
    assert time.process_time() - start < 1


def test_thousands_of_patterns_cost_a_few_look_ups() -> None:
    """5,000 tenants with mailboxes, tables and exact names: microseconds each."""
    registry = Registry(
        record
        for index in range(5000)
        for record in (
            own(f"t{index}", "email", f"*@t{index}.example"),
            DatasetOwner(pattern=f"crm/t{index}.*", owner=f"t{index}"),
            DatasetOwner(pattern=f"file/{index}", owner=f"t{index}"),
        )
    )
    start = time.process_time()
    for index in range(5000):
        owner = registry.owner(f"crm/t{index}.orders")
        assert owner is not None
        assert owner.tenant == f"t{index}"
        assert registry.party_owner("email", f"ann@t{index}.example") == f"t{index}"
        assert registry.owner(f"other/{index}") is None
    assert time.process_time() - start < 2
