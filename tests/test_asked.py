"""A session that is given its request's text tells its facts, and the analyzer judges by them."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes
from partywall.facts import FactsExporter
from partywall.request import RequestFacts, claimed, read_request
from partywall_analyzer import analyze
from partywall_collector.envelope import Envelope, frame
from partywall_collector.registry.load import load
from partywall_collector.store import Store, open_store

MINUTES = "Minutes\nThe client can be reached at max@client.example for more.\nEnd"
ASKS = "Mail a summary of 'minutes.txt' to the client"
ELSE = "Mail a summary of 'budget.txt' to the client"


@partywall.tool
def read_file(path: str) -> str:
    """What the request may point at."""
    return MINUTES


@partywall.tool(party="{to}", party_kind="email")
def send(to: str, text: str) -> str:
    """What reaches somebody."""
    return "sent"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests, with a tenant."""
    folder = tmp_path_factory.mktemp("asked")
    with open_store(f"chdb://{folder / 'home'}", role="owner") as store:
        register(store, folder, {"tenants": [{"id": "acme", "name": "Acme"}]})
        yield store


@pytest.fixture(autouse=True)
def key(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent has the store's key."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY_FILE", str(home.home / "fingerprint.key"))


def register(store: Store, folder: Path, entries: dict[str, object]) -> None:
    """Load a registry file."""
    file = folder / f"{uuid4().hex}.json"
    file.write_text(json.dumps(entries))
    load([file], store)


def answer() -> None:
    """Do what most of these requests ask for."""
    read_file("minutes.txt")
    send("max@client.example", "They met.")


def arrive(store: Store, spans: Sequence[ReadableSpan]) -> None:
    """Load the spans as one export."""
    envelope = Envelope("p", ("*",), "A1", time.time_ns(), encode_spans(spans).SerializeToString())
    store.load(b"".join(frame(envelope)), token=uuid4().hex)


def verdicts(store: Store) -> dict[str, str]:
    """Request -> the verdict on the party that was written to."""
    analyze(store)
    rows = store.rows(
        "SELECT request_id, verdict FROM current_findings WHERE rule = 'foreign-party'"
    )
    return {row["request_id"]: row["verdict"] for row in rows}


def reasons(store: Store, request: str) -> list[str]:
    """Why the verdict on the party of a request is what it is."""
    sql = "SELECT reasons FROM current_findings WHERE request_id = {request:String}"
    (row,) = store.rows(f"{sql} AND rule = 'foreign-party'", {"request": request})
    return list(row["reasons"])


def test_a_party_is_judged_by_the_text_that_its_session_was_given(
    home: Store, memory: InMemorySpanExporter
) -> None:
    """The twins: a request that points at something else, one that names the party, one without."""
    with partywall.session(tenant="acme", request="points", request_text=ASKS):
        answer()
    with partywall.session(tenant="acme", request="elsewhere", request_text=ELSE):
        answer()
    with partywall.session(
        tenant="acme", request="names", request_text="Write to max@client.example"
    ):
        send("max@client.example", "Hello.")
    with partywall.session(tenant="acme", request="silent"):
        answer()
    arrive(home, memory.get_finished_spans())
    assert verdicts(home) == {
        "points": "authorised",
        "elsewhere": "unauthorised",
        "names": "authorised",
        "silent": "indeterminate",
    }
    assert reasons(home, "points") == ["party.delegated", "request.claimed"]


def test_the_registry_comes_before_the_word_of_an_agent(
    home: Store, memory: InMemorySpanExporter, tmp_path: Path
) -> None:
    """An agent cannot widen a request that somebody else has recorded."""
    entry = {"request": "recorded", "tenant": "acme", "opened": "2026-01-01", "text": ELSE}
    register(home, tmp_path, {"sessions": [entry]})
    with partywall.session(tenant="acme", request="recorded", request_text=ASKS):
        answer()
    arrive(home, memory.get_finished_spans())
    assert verdicts(home)["recorded"] == "unauthorised"
    entry |= {"request": "known", "text": ASKS}
    register(home, tmp_path, {"sessions": [entry]})
    with partywall.session(tenant="acme", request="known", request_text=ASKS):
        answer()
    arrive(home, memory.get_finished_spans())
    assert verdicts(home)["known"] == "authorised"
    assert reasons(home, "known") == ["party.delegated"], "it does not rest on the agent's word"


def test_what_comes_after_the_calls_changes_their_verdict(
    home: Store, memory: InMemorySpanExporter
) -> None:
    """The record travels in another batch, in a trace of its own, and is analyzed later."""
    with partywall.session(tenant="acme", request="late", request_text=ASKS):
        answer()
    record, *others = memory.get_finished_spans()
    assert record.name == attributes.SESSION_OPENED
    arrive(home, others)
    assert verdicts(home)["late"] == "indeterminate"
    arrive(home, [record])
    assert verdicts(home)["late"] == "authorised"


def test_who_takes_over_for_the_same_tenant_does_what_was_asked(
    home: Store, memory: InMemorySpanExporter
) -> None:
    """The twin hands over for a request of its own, of which nothing is known."""
    with partywall.session(tenant="acme", request="handed", request_text=ASKS):
        with partywall.handoff("writer"):
            answer()
        with partywall.handoff("writer", request="other"):
            answer()
    arrive(home, memory.get_finished_spans())
    found = verdicts(home)
    assert (found["handed"], found["other"]) == ("authorised", "indeterminate")


def test_facts_under_a_key_that_the_store_has_not_count_as_none(
    home: Store, memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would compare with nothing, and honest work would look like none that was asked for."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY", "5a" * 32)
    with partywall.session(
        tenant="acme", request="other key", request_text="Write to eve@b.example"
    ):
        monkeypatch.delenv("PARTYWALL_FINGERPRINT_KEY")
        send("eve@b.example", "Hello.")
    arrive(home, memory.get_finished_spans())
    assert verdicts(home)["other key"] == "indeterminate"


def test_the_text_stays_and_so_does_what_is_secret(memory: InMemorySpanExporter) -> None:
    """Only the record carries anything of it: what it names, and numbers."""
    text = (
        "Tell the windmill client of 'the quixote plan' at max@client.example: "
        "card 4111 1111 1111 1111, key sk_live_abcdefghij0123456"
    )
    with partywall.session(tenant="acme", request_text=text):
        read_file("minutes.txt")
    exporter = InMemorySpanExporter()
    FactsExporter(exporter).export(memory.get_finished_spans())
    record, *others = exporter.get_finished_spans()
    facts = str((record.attributes or {})[attributes.REQUEST_FACTS])
    assert "max@client.example" in facts
    card = ("4111 1111 1111", "411111111111")  # less could be part of an id by chance
    for word in ("indmill", "uixote", *card, "sk_live", "client of"):
        assert not any(word in span.to_json() for span in (record, *others)), word
    assert not any(attributes.REQUEST_FACTS in (span.attributes or {}) for span in others)


def test_a_request_without_a_key_or_too_long_says_so(
    memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent goes on in each case."""
    with partywall.session(tenant="acme", request_text="word " * 100_000):
        pass
    monkeypatch.delenv("PARTYWALL_FINGERPRINT_KEY_FILE")
    with partywall.session(tenant="acme", request_text=ASKS):
        pass
    with partywall.session(tenant="acme", request_text="  "):
        pass
    said = [dict(span.attributes or {}) for span in memory.get_finished_spans()[::2]]
    assert [each.get(attributes.VALUES_MISSING) for each in said] == ["too long", "no key"]
    assert [attributes.REQUEST_FACTS in each for each in said] == [True, False]
    with pytest.raises(partywall.BindingError, match="request_text"):
        partywall.session(tenant="acme", request_text=7)  # type: ignore[arg-type]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("items", "named", "names", "words", "single", "reaches", "only_asks")),
            inner,
        ),
    ),
)


@given(
    st.one_of(
        JSON.map(json.dumps), st.text(max_size=9), JSON.map(lambda v: json.dumps({"items": [v]}))
    )
)
def test_a_hostile_record_is_no_request(text: str) -> None:
    """Whatever stands in it, and however deep."""
    found = claimed(text)
    assert found is None or isinstance(found, RequestFacts)
    assert claimed("[" * 100_000) is None
    assert claimed(json.dumps({"items": [{"named": "x"}] * 100})) is None


@given(st.text(max_size=200))
def test_a_request_is_the_same_where_it_arrives(text: str) -> None:
    """It travels as JSON."""
    facts = read_request(text, b"k" * 32)
    assert claimed(facts.to_json()) == facts
