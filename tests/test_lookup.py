"""Look-ups: findings, traces and calls are read below a scope, by whatever key is at hand."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from partywall_analyzer import (
    OPERATOR,
    Finding,
    Scope,
    analyze,
    get_finding,
    list_findings,
    tenant_matrix,
    totals,
    trace,
    trend,
    who,
)
from partywall_analyzer.testing import START, Log
from partywall_collector.registry import DatasetOwner, Record, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

RECORDS: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord", "gate")),
    DatasetOwner(pattern="crm/acme/*", owner="acme"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Acme's agent reads fjord's CRM once; fjord's writes acme's in five sessions."""
    with open_store(f"chdb://{tmp_path_factory.mktemp('lookup') / 'home'}", role="owner") as store:
        write(RECORDS, store)
        log = Log(store)
        run = log.agent("acme", session="s-1")
        log.call("acme", session="s-1", parent=run, tool="search", reads=["crm/fjord/1"], at=5)
        for number in range(5):
            log.call("fjord", session=f"f-{number}", writes=["crm/acme/1"], agent="robot", at=30)
        log.call("fjord", session="x", reads=["crm/fjord/1"], credential="c-1", at=900)
        log.call("gate", session="z", tool="\x1b[2J", agent="\x1b]0;x\x07", identity="a\nb", at=950)
        log.write()
        analyze(store)
        yield store


@pytest.fixture(scope="module")
def finding(store: Store) -> Finding:
    """The one of acme's agent."""
    return list_findings(store, OPERATOR, from_tenant="acme").rows[0]


def test_a_finding_is_read_below_a_scope(store: Store, finding: Finding) -> None:
    """Both tenants must be in scope; a foreign finding and a missing one look alike."""
    both, one = Scope(("acme", "fjord")), Scope(("acme",))
    assert get_finding(store, both, finding.id) == get_finding(store, OPERATOR, finding.id)
    for scope in (one, Scope(("gate",)), Scope(())):
        assert get_finding(store, scope, finding.id) is None
        assert list_findings(store, scope).total == 0
        assert tenant_matrix(store, scope) == []
        assert trend(store, scope) == []
        assert totals(store, scope).quarantined == 0
    assert get_finding(store, OPERATOR, "F-" + "0" * 24) is None
    assert len(trace(store, one, finding.trace_id)) == 2
    assert trace(store, Scope(("gate",)), finding.trace_id) == []
    assert len(who(store, Scope(("gate",)))) == 1
    assert len(who(store, one)) == 1


@pytest.mark.parametrize("beginning", [slice(0, 6), slice(2, 10), slice(0, 26)])
def test_a_finding_is_known_by_the_beginning_of_its_id(
    store: Store, finding: Finding, beginning: slice
) -> None:
    """As much as one cares to type, with or without `F-`."""
    assert get_finding(store, OPERATOR, finding.id[beginning]) is not None


@pytest.mark.parametrize("hostile", ["", "F-", "F-%", "F-zz", "' OR 1=1", "F-\x00", "%%%%%%"])
def test_a_beginning_that_is_no_id_finds_nothing(store: Store, hostile: str) -> None:
    """Nothing typed can be more than a beginning."""
    assert get_finding(store, OPERATOR, hostile) is None


def test_findings_are_filtered_and_counted(store: Store) -> None:
    """Filters narrow, search looks into names, and the total counts beyond the limit."""
    assert list_findings(store, OPERATOR, limit=2).total == 6
    assert len(list_findings(store, OPERATOR, limit=2).rows) == 2
    assert list_findings(store, OPERATOR).rows[0].severity == "critical"
    assert list_findings(store, OPERATOR, severities=["critical"]).total == 5
    assert list_findings(store, OPERATOR, verdicts=["authorised"]).total == 0
    assert list_findings(store, OPERATOR, from_tenant="acme").total == 1
    assert list_findings(store, OPERATOR, search="ROBOT").total == 5
    assert list_findings(store, OPERATOR, rules=["flow"]).total == 0
    assert list_findings(store, OPERATOR, since=START + timedelta(days=1)).total == 0
    assert tenant_matrix(store, OPERATOR) == [("acme", "fjord", 1), ("fjord", "acme", 5)]
    assert trend(store, OPERATOR) == [("2026-03-02", "critical", 5), ("2026-03-02", "high", 1)]
    counted = totals(store, OPERATOR)
    assert (counted.findings, counted.spans, counted.calls, counted.tenants) == (6, 9, 8, 3)


def test_who_answers_four_questions_with_their_proof(store: Store) -> None:
    """Who, for which tenant, against which asset, using which identity."""
    rows = who(store, OPERATOR, dataset="crm/fjord/*")
    assert [row.tenant_id for row in rows] == ["fjord", "acme"]
    questions = [answer.question for answer in rows[1].answers]
    assert questions == [
        "Who",
        "For which tenant",
        "Against which asset",
        "Using which identity",
    ]
    assert "owned by fjord" in rows[1].answers[2].proof
    assert [answer.proven for answer in rows[1].answers] == [True, True, True, False]
    assert [row.credential_id for row in who(store, OPERATOR, credential="c-1")] == ["c-1"]
    assert who(store, OPERATOR, dataset="crm_fjord%") == []
    assert who(store, OPERATOR, trace="no trace") == []
    assert len(who(store, OPERATOR, limit=1)) == 1


def test_a_trace_marks_the_spans_that_cross(store: Store, finding: Finding) -> None:
    """The waterfall shows where it happened."""
    spans = trace(store, OPERATOR, finding.trace_id.upper())
    assert [(span.step, span.crossing) for span in spans] == [("agent", False), ("tool", True)]
    assert spans[1].parent_span_id == spans[0].span_id
    assert spans[0].parent_span_id == ""


def test_hostile_names_are_safe_in_answers(store: Store) -> None:
    """A name from a span is printed without what could move a cursor or break a line."""
    (row,) = who(store, OPERATOR, tenant="gate")
    said = "".join(text for answer in row.answers for text in (answer.answer, answer.proof))
    assert said.isprintable()
