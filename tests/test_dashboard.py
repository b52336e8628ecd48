"""The dashboard over a real store: pages run, filter, keep to their scope and escape names."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from partywall_analyzer import OPERATOR, get_finding
from partywall_analyzer.model import (
    Answer,
    Chain,
    Evidence,
    Finding,
    Hop,
    Node,
    Proof,
    Record,
    Ref,
    Severity,
    Verdict,
    finding_id,
)
from partywall_analyzer.responses import respond
from partywall_analyzer.standing import Kind
from partywall_analyzer.testing import Log
from partywall_collector.commands.options import STORE
from partywall_collector.registry import Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import open_store
from partywall_dashboard import reads
from partywall_dashboard.app import SCRIPT
from partywall_dashboard.commands import dashboard
from partywall_dashboard.layout import FOLD_ABOVE, colours, fold, place
from partywall_dashboard.scope import TENANTS
from partywall_dashboard.security import SecurityHeaders, same_origin

HOSTILE = "<img src=x onerror=alert(1)> [click](http://evil.example) :red[x] **b** $x$"
NOW = datetime.now(UTC)


def finding(name: str, **more: Any) -> Finding:
    """A finding with everything filled; what a test is about is given."""
    source, target = more.get("from_tenant", "acme"), more.get("to_tenant", "fjord")
    nodes = (Node("a", "agent", name, source), Node("d", "dataset", "crm/contacts", target))
    hop = Hop("a", "d", "reads", Proof.P2, True, "2026-03-02T09:00:00.000Z", "0" * 31 + "1")
    facts: dict[str, Any] = {
        "id": finding_id("foreign-dataset", name, source, target),
        "rule": "foreign-dataset",
        "title": f"{name} reached {target}",
        "sentence": f"{name} read crm/contacts of {target} in a session of {source}.",
        "severity": Severity.HIGH,
        "verdict": Verdict.UNAUTHORISED,
        "reasons": ("no-approval",),
        "proof": Proof.P2,
        "attestation": "A1",
        "from_tenant": source,
        "to_tenant": target,
        "subject": name,
        "session_id": "s-1",
        "request_id": "REQ-1",
        "trace_id": f"{1:032x}",
        "agent": name,
        "identity": "agent:assistant",
        "credential_id": "",
        "dataset": "crm/contacts",
        "party": "",
        "operation": "read",
        "first_seen": NOW - timedelta(hours=2),
        "last_seen": NOW - timedelta(hours=1),
        "calls": (Ref(f"{1:032x}", f"{2:016x}"),),
        "sources": (),
        "chain": Chain(nodes, (hop,)),
        "evidence": Evidence(
            (Answer("Who", name, "span 2", True), Answer("Approval", "none", "", False)),
            (Record(kind="approval", id="CHG-1", says="covers another dataset"),),
            ("policy decision",),
        ),
    }
    return Finding(**(facts | more))


FINDINGS = {
    "plain": finding("helper"),
    "hostile": finding(HOSTILE, severity=Severity.CRITICAL, from_tenant="fjord", to_tenant="acme"),
    "approved": finding("auditor", severity=Severity.INFO, verdict=Verdict.AUTHORISED),
    "other": finding("stranger", from_tenant="maple", to_tenant="outside"),
    "old": finding("sleeper", last_seen=NOW - timedelta(days=20), severity=Severity.LOW),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a store with one trace and the findings above."""
    url = f"chdb://{tmp_path_factory.mktemp('dashboard') / 'home'}"
    with open_store(url, role="owner") as store:
        write([Tenant(id=name) for name in ("acme", "fjord", "maple")], store)
        log = Log(store)
        run = log.agent("acme")
        log.call("acme", parent=run, tool="read_contacts", reads=["crm/contacts"], failed=True)
        log.write()
        store.insert("ledger", [found.to_row(NOW) for found in FINDINGS.values()])
    return url


@pytest.fixture
def at(filled: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The app over the filled store, not yet run."""
    monkeypatch.setenv(STORE, filled)
    yield AppTest.from_file(SCRIPT, default_timeout=30)
    reads.reopen()
    st.cache_data.clear()


def shown(at: AppTest) -> str:
    """All words on a page that has run without an error."""
    assert not at.exception
    kinds = ("title", "subheader", "caption", "info", "success", "warning", "error", "metric")
    words = [str(getattr(element, "value", "")) for kind in kinds for element in at.get(kind)]
    return "\n".join(words + [element.proto.body for element in at.get("html")])


def page_of(at: AppTest, page: str, **query: str) -> str:
    """The words on a page whose address has this query."""
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page(f"views/{page}.py")
    return shown(at.run())


def chain_of(at: AppTest, id: str) -> str:
    """The words on the chain page of a finding."""
    return page_of(at, "chain", finding=id)


def test_the_overview_counts_what_nobody_authorised(at: AppTest) -> None:
    """Authorised crossings are told apart, and the most urgent findings are listed."""
    text = shown(at.run())
    assert "Overview" in text
    assert [metric.value for metric in at.metric][:2] == ["4", "3"]
    assert not at.markdown
    assert "Who reached whom" in text


def test_findings_are_filtered_by_what_the_address_says(at: AppTest) -> None:
    """A link to /findings?src=acme&dst=fjord shows just these."""
    assert "3 findings" in page_of(at, "findings", src="acme", dst="fjord")
    at.selectbox(key="verdict").set_value("authorised")
    assert "1 finding" in shown(at.run())
    assert "auditor reached fjord" in shown(at)


def test_a_time_range_leaves_older_findings_out(at: AppTest) -> None:
    """The range in the sidebar holds on every page."""
    assert "5 findings" in page_of(at, "findings")
    at.session_state["days"] = 7
    assert "4 findings" in shown(at.run())


def test_a_filter_without_a_match_says_what_to_do(at: AppTest) -> None:
    """An empty table is explained."""
    assert "Remove a filter" in page_of(at, "findings", q="no such words")


def test_the_chain_page_answers_the_questions(at: AppTest) -> None:
    """Title, sentence, answers, missing proofs and the trace are there."""
    text = chain_of(at, FINDINGS["plain"].id)
    for words in ("helper reached fjord", "Why this is a crossing", "Who", "no proof", "Trace"):
        assert words in text


@pytest.mark.parametrize("id", ["F-" + "0" * 24, "", "x", "F-", "../..", "F-' OR 1=1 --", HOSTILE])
def test_what_is_no_finding_is_said_to_be_none(at: AppTest, id: str) -> None:
    """Query parameters are input; nonsense gives the same words as an unknown id."""
    assert "No such finding." in chain_of(at, id)


def test_a_foreign_finding_and_a_missing_one_look_alike(
    at: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer of acme and fjord learns nothing about maple, not even that there is something."""
    monkeypatch.setenv(TENANTS, "acme,fjord")
    foreign = chain_of(at, FINDINGS["other"].id)
    assert foreign == chain_of(at, "F-" + "0" * 24)
    assert "maple" not in foreign
    assert "helper reached fjord" in chain_of(at, FINDINGS["plain"].id)


def test_a_narrow_scope_does_not_read_the_cache_of_a_wide_one(
    at: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the operator has just seen is not shown to a viewer of one tenant."""
    assert "5 findings" in page_of(at, "findings")
    monkeypatch.setenv(TENANTS, "maple")
    assert "1 finding" in shown(at.run())
    monkeypatch.setenv(TENANTS, "")
    assert "No findings" in shown(at.run())


@pytest.mark.parametrize("page", ["findings", "chain"])
def test_hostile_names_are_shown_as_they_are(at: AppTest, page: str) -> None:
    """A name that is HTML or Markdown is neither: it appears escaped and in no Markdown element."""
    text = page_of(at, page, finding=FINDINGS["hostile"].id)
    assert "&lt;img src=x" in text
    assert "<img" not in text
    assert not [element for element in at.markdown if "evil.example" in element.value]


def test_an_empty_store_says_which_lines_an_agent_needs(
    at: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first span the page shows how to send one."""
    url = f"chdb://{tmp_path / 'empty'}"
    open_store(url, role="owner").close()
    monkeypatch.setenv(STORE, url)
    text = shown(at.run())
    assert "No spans have arrived yet." in text
    assert "partywall.session(" in at.code[0].value


def test_a_store_that_went_away_is_told_with_the_way_out(
    at: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback: the page names the store and the command."""
    monkeypatch.setenv(STORE, f"chdb://{tmp_path / 'none'}")
    assert "The store does not answer." in shown(at.run())
    assert at.code[0].value == "partywall up"


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        ("http://127.0.0.1:8501", True),
        ("http://127.0.0.1:3000", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_a_page_of_this_server_may_open_its_websocket(origin: str, wanted: bool) -> None:
    """Another page in the same browser, even on this machine, reads nothing."""
    headers = {"host": "127.0.0.1:8501"} | ({"origin": origin} if origin else {})
    assert same_origin(Headers(headers)) is wanted


def test_every_answer_carries_the_security_headers() -> None:
    """Nothing may frame the page or load from elsewhere; session counts are closed."""

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    client = TestClient(SecurityHeaders(page))
    answer = client.get("/")
    assert client.get("/_stcore/metrics").status_code == 404
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-eval'" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--address", "0.0.0.0"], "there is no login"),
        (["--address", "example.org"], "there is no login"),
        (["--port", "99999"], "is no port"),
        (["--store", "chdb:///nowhere/at/all"], "there is no store"),
        (["--store", "sqlite:x"], "sqlite"),
    ],
)
def test_the_command_says_why_it_does_not_start(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the reason and the way out on stderr."""
    assert dashboard.main(words) == 2
    assert complaint in capsys.readouterr().err


def long_chain(steps: int) -> Chain:
    nodes = tuple(
        Node(f"n{i}", "tool", f"step {i}", "acme" if i < steps - 3 else "fjord")
        for i in range(steps)
    )
    hops = tuple(
        Hop(f"n{i}", f"n{i + 1}", "calls", Proof.P1, i == steps - 4) for i in range(steps - 1)
    )
    return Chain(nodes, hops)


def test_a_long_chain_folds_to_what_is_next_to_the_wall() -> None:
    """The crossing, its neighbours and the start stay; the others become one step."""
    folded = fold(long_chain(3 * FOLD_ABOVE))
    assert [node.kind for node in folded.nodes].count("folded") == 1
    assert len(folded.nodes) <= 8
    assert sum(hop.crossing for hop in folded.hops) == 1


def test_steps_never_cover_one_another() -> None:
    """Each has its own place, in the lane of its tenant."""
    chain = long_chain(30)
    picture = place(chain, colours(node.tenant for node in chain.nodes))
    assert len({(step.x, step.y) for step in picture.steps}) == 30
    lanes = {lane.name: lane for lane in picture.lanes}
    for step in picture.steps:
        lane = lanes[step.lane]
        assert lane.y <= step.y
        assert step.y + step.height <= lane.y + lane.height


@pytest.mark.parametrize(
    "hops",
    [
        [("a", "b"), ("b", "a")],
        [("a", "a")],
        [("a", "nowhere"), ("nowhere", "b")],
        [],
    ],
)
def test_a_chain_that_is_no_chain_is_drawn_all_the_same(hops: list[tuple[str, str]]) -> None:
    """Rings, steps that lead to themselves and hops to unknown steps break nothing."""
    nodes = (Node("a", "agent", "a", "acme"), Node("b", "tool", "b", ""))
    chain = Chain(nodes, tuple(Hop(source, target, "", Proof.P0) for source, target in hops))
    assert len(place(chain, {}).steps) == 2
    assert len(fold(chain).nodes) >= 1
    assert place(Chain(), {}).steps == ()


def test_who_is_asked_by_one_key_and_answers_with_its_proof(at: AppTest) -> None:
    """The key and the tenant stand in the address; the first call is answered beside the table."""
    text = page_of(at, "who", by="dataset", tenant="acme", **{"is": "crm/*"})
    for words in (
        "1 call",
        "read_contacts (failed)",
        "For which tenant",
        "no owner in the registry",
    ):
        assert words in text
    at.selectbox(key="by").set_value("identity")
    assert "No call matches." in shown(at.run())


@pytest.mark.parametrize("value", ["nonsense", HOSTILE, "", "' OR 1=1 --", "0" * 32, "%", "*"])
def test_a_look_up_that_is_nonsense_matches_nothing(at: AppTest, value: str) -> None:
    """Query parameters are input: whatever key and value they name, the page answers."""
    for key in ("dataset", "trace", value):
        assert "Who" in page_of(at, "who", by=key, tenant=value, **{"is": value})
    assert "Identities" in page_of(at, "identities", q=value, tenant=value, kind=value, note=value)


@pytest.mark.parametrize("page", ["who", "identities", "coverage"])
def test_a_look_up_of_a_narrow_scope_is_empty(
    at: AppTest, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """A viewer of another tenant learns of no call, no identity and no tenant."""
    assert "No " not in page_of(at, page)
    monkeypatch.setenv(TENANTS, "maple")
    text = shown(at.run())
    assert any(words in text for words in ("No call", "No identity", "No tool calls"))
    assert "acme" not in text


def test_identities_and_coverage_say_what_is_odd_and_what_is_missing(at: AppTest) -> None:
    """An identity that nobody registered is told, and a call that lacks what an answer needs."""
    assert "3 identities" in page_of(at, "identities")
    at.session_state["note"] = ["ownerless"]
    assert "1 identity" in shown(at.run())
    assert "acme" in page_of(at, "coverage")


def test_what_was_done_about_a_finding_stands_below_its_chain(at: AppTest, filled: str) -> None:
    """Each tenant's state and each response are told; where nobody did anything, nothing is."""
    assert "What was done" not in chain_of(at, FINDINGS["plain"].id)
    reads.reopen()
    with open_store(filled, role="owner") as store:
        found = get_finding(store, OPERATOR, FINDINGS["plain"].id)
        assert found
        respond(store, found, Kind.ACK, by="ann", note=HOSTILE)
    st.cache_data.clear()
    text = shown(at.run())
    assert "What was done" in text
    assert "acme: acknowledged by ann" in text
    assert not at.markdown
