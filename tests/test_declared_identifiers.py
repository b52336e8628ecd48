"""Kinds of identifiers that a deployment declares: read alike in agents and in the store."""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import declared, fingerprints, identifiers
from partywall import settings as process
from partywall.declared import BadKinds, parse
from partywall.fingerprint_keys import parse as keys_of
from partywall.forms import BadForm, edged
from partywall.identifiers import BUILT_IN, Identifier, Kinds, fingerprint
from partywall_collector.registry import Session
from partywall_collector.registry.load import current, load
from partywall_collector.store import Store, open_store
from partywall_collector.store.patterns import without_groups

DECLARED = """
{"name": "employee", "pattern": "EMP-([0-9]{6})"}
{"name": "policy", "pattern": "policy (?:no )?([0-9]{2}(?:[ -]?[0-9]{2}){3,5})", "remove": " -"}
{"name": "login", "pattern": "([A-Za-z]{3,5}[0-9]{4})", "case": "upper"}
{"name": "ticket", "pattern": "#([0-9]{4,9})"}
{"name": "seat", "pattern": "(?:row|ROW) ([A-Z]{2}[0-9]{2}(?:/[A-Z]{1,3})?)", "case": "kept"}
"""
KINDS = Kinds(parse(DECLARED))
PIECES = st.sampled_from(
    (
        *("EMP-123456", "TEMP-123456", "emp-123456", "EMP-1234567", "policy 12345678", "123-456"),
        *("policy no 12-34 5678", "policy no ", "john1990", "ab1234", "john1990@corp.example"),
        *("#12345", "#123", "row AB12/XY", "ROW AB12", "rowAB12", "INV-100456", "www.example.com"),
        *("4111 1111 1111 1111", "account no 55779911", "+49 (30) 1234 5678", "word ", "7 "),
        *("sk_live_abcdefghij0123456", " ", "\n", ", ", '"', ": ", "-", "_", "/", "@", ".", "é"),
    )
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@pytest.fixture(scope="module")
def store(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for which these kinds are declared."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("declared") / "home", symlinks=True)
    with open_store(f"chdb://{home}", role="owner") as store:
        store.declare(DECLARED)
        yield store


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kinds and settings of the process are afterwards as they were."""
    monkeypatch.setattr(process, "_said", dict(vars(process)["_said"]))
    monkeypatch.setattr(declared, "_source", "")
    yield
    identifiers.put_in_force(BUILT_IN)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("of EMP-123456.", [("employee", "123456")]),
        ("TEMP-123456", [("ref", "temp-123456")]),
        ("policy no 12-34 5678", [("policy", "12345678")]),
        ("john1990 wrote", [("login", "JOHN1990")]),
        ("john1990@corp.example", [("email", "john1990@corp.example")]),
        ("see #12345", [("ticket", "12345")]),
        ("row AB12/XY", [("seat", "AB12/XY")]),
    ],
)
def test_a_declared_kind_is_found(text: str, found: list[tuple[str, str]]) -> None:
    """At the edges of words, before the kinds that say little, after mailboxes and the like."""
    assert KINDS.find(text) == [Identifier(*each) for each in found]


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=30))
def test_clickhouse_finds_and_fingerprints_the_same(store: Store, texts: list[str]) -> None:
    """The file has two readings and they agree on every text."""
    rows = store.rows(
        "SELECT partywall_identifiers(text) AS found "
        "FROM (SELECT arrayJoin({texts:Array(String)}) AS text)",
        {"texts": texts},
    )
    assert [[Identifier(*each) for each in row["found"]] for row in rows] == [
        KINDS.find(text) for text in texts
    ]


@st.composite
def forms(draw: st.DrawFn) -> str:
    """Forms as somebody could write them, allowed and not."""
    one = st.sampled_from(("a", "B", "7", "-", r"\.", "[a-c]", "[A-Z0-9]", "[0-9_-]", " ", "#"))
    repeat = st.sampled_from(("", "", "?", "{2}", "{1,3}", "{0,4}", "{4,9}"))
    piece = st.builds("{}{}".format, one, repeat)
    several = st.lists(piece, min_size=1, max_size=3).map("".join)
    choice = st.lists(several, min_size=1, max_size=3).map("|".join)
    group = st.builds("(?:{}){}".format, choice, repeat)
    inner = st.lists(st.one_of(piece, group), min_size=1, max_size=4).map("".join)
    outer = st.one_of(st.just(""), piece, group)
    return f"{draw(outer)}({draw(inner)}){draw(outer)}"


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(
    form=forms(), texts=st.lists(st.text("abBCZ079-_.# \n", max_size=24), min_size=8, max_size=8)
)
def test_re2_reads_every_form_that_is_allowed_as_python_does(
    store: Store, form: str, texts: list[str]
) -> None:
    """What is found, and the value in it."""
    try:
        pattern = edged(form)
    except BadForm:
        assume(False)
        return
    rows = store.rows(
        "SELECT extractAll(text, {plain:String}) AS found, "
        "arrayMap(each -> extract(each, {cut:String}), found) AS values "
        "FROM (SELECT arrayJoin({texts:Array(String)}) AS text)",
        {"plain": without_groups(pattern), "cut": f"^(?:{form})$", "texts": texts},
    )
    assert re.compile(pattern, re.ASCII).groups == 1
    for text, row in zip(texts, rows, strict=True):
        found = [match[0] for match in re.finditer(pattern, text, re.ASCII)]
        whole = [re.fullmatch(form, each, re.ASCII) for each in found]
        assert row["found"] == found
        assert row["values"] == [each[1] if each else "" for each in whole]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (r"(\d{6})", "only signs may be escaped"),
        (r"\bA([0-9]{6})", "only signs may be escaped"),
        (r"([0-9]{4})\1", "only signs may be escaped"),
        ("([0-9]+)", "say how often at most"),
        ("([0-9]{4,})", "has a { that repeats nothing"),
        ("(.{6})", "name the characters"),
        ("([^ ]{6})", "name the characters"),
        ("(?i)(abcd)", "no flags"),
        ("(?<=x)(abcd)", "no look-around"),
        ("(?P<v>abcd)", "no look-around"),
        ("(?>abcd)", "no look-around"),
        ("([0-9]{4,9}+)", "one repeat"),
        ("abcd", "has no group"),
        ("(abcd)(efgh)", "more than one group"),
        ("(abcd)|(efgh)", "outside of a group"),
        ("(abcd", "without its )"),
        ("abcd)", "without its ("),
        ("([abc", "empty or open"),
        ("([[:alpha:]]{4})", "empty or open"),
        ("([a-z&&b]{4})", "name each sign once"),
        ("([z-a]{4})", "ends before it begins"),
        ("([0-9]{3})", "fewer than 4 characters"),
        ("([a-z]{0,9})", "fewer than 4 characters"),
        ("((?:a?){4}bcde)", "repeats what may be empty"),
        ("(abcd){2}", "repeats the value's group"),
        ("([0-9]{5}/?)", "declare two kinds"),
        (" ([0-9]{5})", "leave it out"),
        ("([a-z]{3}@[a-z]{3})", "a mailbox is"),
        ("(übrig)", "printable ASCII"),
        ("(" + "a" * 256 + ")", "longer than 256"),
    ],
)
def test_a_form_that_has_two_readings_is_refused(form: str, said: str) -> None:
    """It says what stands there and what to write."""
    with pytest.raises(BadForm, match=re.escape(said)):
        edged(form)


@pytest.mark.parametrize(
    "form",
    [
        "(aaaa(?:a{1,30}){1,30}b)",
        "(a{4,40}a{1,40}a{1,40}b)",
        "((?:(?:(?:a{1,9}){1,9}){1,9}){4}b)",
        "((?:a|a|[ab]){4,40}c)",
        "(" + "(?:a|[ab])" * 20 + "c)",
        "(" + "[ab]{1,2}" * 24 + "c)",
    ],
)
def test_a_form_that_could_take_too_long_is_refused(form: str) -> None:
    """Python's `re` would try again and again; the check itself is done in a moment."""
    with pytest.raises(BadForm, match="could take too long"):
        edged(form)


def test_a_form_that_is_allowed_takes_no_time() -> None:
    """Also the worst ones that pass, on the text that is worst for them."""
    for form, text in (
        ("([-#]{4,20}[-#]{1,20}!)", "-#" * 30_000),
        ("(#(?:a|[a#]){4,7}!)", "#" * 60_000),
        ("#([0-9]{4,200}/[0-9]{4,200}x)", "#" + "7" * 199 + "/" + "7" * 60_000),
    ):
        Kinds(parse(json.dumps({"name": "worst", "pattern": form}))).find(text)


def test_a_file_says_all_that_is_wrong_in_it() -> None:
    """Each with its line and its key."""
    lines = [
        "nonsense",
        "[]",
        '{"name": "email", "pattern": "(abcd)"}',
        '{"name": "Employee", "pattern": "(abcd)"}',
        '{"name": "one"}',
        '{"name": "two", "pattern": 7}',
        '{"name": "three", "pattern": "(abcd)", "unique": true}',
        '{"name": "four", "pattern": "(abcd)", "case": "title"}',
        '{"name": "five", "pattern": "(abcd)", "remove": "b"}',
        '{"name": "six", "name": "six", "pattern": "(abcd)"}',
        '{"name": "seven", "pattern": "(abcd)"}',
        '{"name": "seven", "pattern": "(efgh)"}',
    ]
    with pytest.raises(BadKinds) as refused:
        parse("\n".join(lines))
    wrong = [(mistake.line, mistake.key) for mistake in refused.value.mistakes]
    assert wrong == [
        *((1, ""), (2, ""), (3, "name"), (4, "name"), (5, "pattern"), (6, "pattern")),
        *((7, "unique"), (8, "case"), (9, "remove"), (10, "name"), (12, "name")),
    ]
    with pytest.raises(BadKinds, match="one more than the 16 kinds"):
        parse("\n".join(f'{{"name": "k{n}", "pattern": "(abcd{n})"}}' for n in range(17)))


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.text(max_size=40), forms().map(lambda form: json.dumps({"pattern": form}))))
def test_no_file_crashes_the_reader(text: str) -> None:
    """Whatever stands in it, it ends in kinds or in mistakes."""
    with suppress(BadKinds):
        assert len(parse(text)) <= 1


@pytest.mark.usefixtures("restored")
def test_an_agent_looks_for_the_kinds_of_its_file(
    memory: InMemorySpanExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`instrument(identifiers=...)`; the fingerprint is that of the kind and the spelled value."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY", "5a" * 32)
    file = tmp_path / "identifiers.jsonl"
    file.write_text(DECLARED)
    partywall.instrument(identifiers=file)

    @partywall.tool
    def look_up(question: str) -> str:
        return question

    with partywall.session(tenant="acme"):
        look_up("about EMP-123456")
    said = memory.get_finished_spans()[0].attributes or {}
    expected = fingerprint(bytes.fromhex("5a" * 32), "employee", "123456")
    assert said["partywall.values.in"] == (str(expected),)
    assert "partywall.values.missing" not in said


@pytest.mark.usefixtures("restored")
def test_a_broken_file_never_breaks_the_agent(
    memory: InMemorySpanExporter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is warned about once, recorded on calls, and the other kinds are found as before."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY", "5a" * 32)
    file = tmp_path / "identifiers.jsonl"
    file.write_text('{"name": "employee", "pattern": "(a+)"}')
    with caplog.at_level(logging.WARNING, "partywall"):
        partywall.instrument(identifiers=file)
        partywall.instrument()
    assert [record.getMessage().count("line 1: pattern: ") for record in caplog.records] == [1]

    @partywall.tool
    def look_up(question: str) -> str:
        return question

    with partywall.session(tenant="acme"):
        look_up("ann@example.com")
    said = memory.get_finished_spans()[0].attributes or {}
    assert said["partywall.values.missing"] == "bad kinds"
    assert len(said["partywall.values.in"]) == 1  # pyright: ignore[reportArgumentType] # numbers
    for unreadable in (tmp_path, tmp_path / "none"):
        partywall.instrument(identifiers=unreadable)
        assert identifiers.in_force().missing


@pytest.mark.usefixtures("restored")
def test_arguments_have_the_same_fingerprints_in_both(store: Store) -> None:
    """Through the unescaping; what was read before is forgotten."""
    (key,) = keys = keys_of("0123456789abcdef" * 4)
    said = {"a": "EMP-123456\npolicy no 12-34 5678", "b": ["#12345", "john1990@corp.example"]}
    text = json.dumps(said)
    found = store.rows(
        "SELECT arrayMap(found -> partywall_fingerprint(found.1, found.2, unhex({key:String})), "
        "partywall_identifiers(partywall_unescaped(partywall_arguments({text:String})))) AS found",
        {"key": key.secret.hex(), "text": text},
    )
    assert len(fingerprints.of_arguments(keys, text).numbers) == 2
    identifiers.put_in_force(KINDS)
    here = fingerprints.of_arguments(keys, text).numbers
    assert [str(number) for number in found[0]["found"]] == list(here)
    assert len(here) == 4


def test_a_request_names_what_is_declared(store: Store, tmp_path: Path) -> None:
    """Its text is read by the kinds of the store."""
    file = tmp_path / "r.jsonl"
    file.write_text(
        '{"kind": "tenant", "id": "acme"}\n'
        '{"kind": "session", "request": "REQ-1", "tenant": "acme", '
        '"opened": "2026-03-02T09:00:00Z", "text": "Move EMP-123456 to row AB12"}\n'
    )
    load([file], store)
    (session,) = current(store, Session)
    assert session.named == (("employee", "123456"), ("seat", "AB12"))
