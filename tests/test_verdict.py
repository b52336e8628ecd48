"""The verdict: a grant covers a crossing only if all of it fits, and the reason says what not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partywall_analyzer.model import Candidate, Crossing, Proof, Ref, Severity, Verdict
from partywall_analyzer.severity import severity
from partywall_analyzer.verdict import REASONS, Judge
from partywall_collector.registry import Approval, Credential, Record, Registry, Relation, Tenant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALL = Ref("a" * 32, "b" * 16)

APPROVAL = Approval(
    id="CHG-1",
    tenant="fjord",
    grantee="acme",
    request="REQ-1",
    datasets=("crm/fjord/*",),
    operations=("read",),
    valid_from=NOON - HOUR,
    valid_until=NOON + HOUR,
)
RELATION = Relation(
    id="care",
    tenant="fjord",
    grantee="acme",
    datasets=("crm/fjord/*",),
    operations=("read",),
    valid_from=NOON - HOUR,
    valid_until=NOON + HOUR,
)
READ = Candidate(
    rule="foreign-dataset",
    subject="s",
    from_tenant="acme",
    to_tenant="fjord",
    session_tenant="acme",
    crossings=(Crossing(NOON, CALL),),
    count=1,
    first_seen=NOON,
    last_seen=NOON,
    request_id="REQ-1",
    identity="agent:a",
    dataset="crm/fjord/1",
    operation="read",
    attestation="A1",
)


def judged(candidate: Candidate, *records: Record) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its reasons against some records."""
    judge = Judge(Registry([Tenant(id="acme"), Tenant(id="fjord"), *records]))
    made = judge.judge(candidate)
    assert set(made.reasons) <= set(REASONS)
    return made.verdict, made.reasons


def test_nothing_is_authorised_by_default() -> None:
    """No grant at all: unauthorised, for want of an approval."""
    assert judged(READ) == (Verdict.UNAUTHORISED, ("approval.missing",))


def test_an_approval_for_the_request_covers() -> None:
    """All of it fits."""
    assert judged(READ, APPROVAL) == (Verdict.AUTHORISED, ("approval.covers",))


def test_a_relation_covers_without_a_request() -> None:
    """A standing grant is not asked for each time."""
    bare = replace(READ, request_id="")
    assert judged(bare, RELATION) == (Verdict.AUTHORISED, ("relation.covers",))


APPROVAL_TWINS: list[tuple[dict[str, Any], str]] = [
    ({"tenant": "acme"}, "approval.wrong_tenant"),
    ({"grantee": "msp"}, "approval.wrong_grantee"),
    ({"datasets": ("crm/fjord/2",)}, "approval.wrong_dataset"),
    ({"datasets": ()}, "approval.wrong_dataset"),
    ({"operations": ("write",)}, "approval.wrong_operation"),
    ({"tools": ("crm.export",)}, "approval.wrong_tool"),
    ({"request": "REQ-2"}, "approval.wrong_request"),
    ({"valid_from": NOON + timedelta(seconds=1)}, "approval.not_yet"),
    ({"valid_until": NOON}, "approval.expired"),
    ({"revoked": NOON}, "approval.revoked"),
]


def test_an_approval_that_names_tools_covers_these_alone() -> None:
    """As spans name them, to the letter; a call whose tool is not known is not covered."""
    approval = replace(APPROVAL, tools=("crm.read", "crm.list"))
    told = replace(READ, approval_id="CHG-1")
    for tool, reason in (("crm.read", "approval.covers"), ("CRM.read", "approval.wrong_tool")):
        assert judged(replace(told, tool=tool), approval)[1] == (reason,)
    assert judged(told, approval) == (Verdict.UNAUTHORISED, ("approval.wrong_tool",))


def test_of_a_flow_the_tool_that_read_counts() -> None:
    """The grant is about reading; what writes the data on elsewhere is another call."""
    approval = replace(APPROVAL, tools=("crm.read",))
    told = replace(
        READ, rule="flow", from_tenant="fjord", to_tenant="acme", dataset="", tool="save"
    )

    def flow(tool: str) -> tuple[Verdict, tuple[str, ...]]:
        source = Crossing(NOON, CALL, CALL, "crm/fjord/1", source_tool=tool)
        return judged(replace(told, crossings=(source,)), approval)

    assert flow("crm.read") == (Verdict.AUTHORISED, ("approval.covers",))
    assert flow("crm.export") == (Verdict.UNAUTHORISED, ("approval.wrong_tool",))


@pytest.mark.parametrize(("change", "reason"), APPROVAL_TWINS)
def test_a_cited_approval_that_differs_in_one_fact_does_not_cover(
    change: dict[str, Any], reason: str
) -> None:
    """The reason names the part that does not fit."""
    citing = replace(READ, approval_id="CHG-1")
    assert judged(citing, replace(APPROVAL, **change)) == (Verdict.UNAUTHORISED, (reason,))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tenant": "acme"}, "approval.missing"),
        ({"grantee": "msp"}, "approval.missing"),
        ({"request": "REQ-2"}, "approval.missing"),
        ({"datasets": ("crm/fjord/2",)}, "approval.wrong_dataset"),
        ({"valid_until": NOON}, "approval.expired"),
    ],
)
def test_an_uncited_approval_is_told_of_only_if_it_is_near(
    change: dict[str, Any], reason: str
) -> None:
    """A decision about something else is another matter: there is no approval for this."""
    assert judged(READ, replace(APPROVAL, **change)) == (Verdict.UNAUTHORISED, (reason,))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"operations": ("write",)}, "relation.wrong_operation"),
        ({"valid_until": NOON}, "relation.expired"),
        ({"valid_from": NOON + HOUR}, "relation.not_yet"),
        ({"datasets": ("mail/*",)}, "approval.missing"),
    ],
)
def test_a_relation_that_differs_in_one_fact_does_not_cover(
    change: dict[str, Any], reason: str
) -> None:
    """Like an approval, but for the request."""
    assert judged(READ, replace(RELATION, **change)) == (Verdict.UNAUTHORISED, (reason,))


def test_a_wildcard_covers_everybody_and_every_request() -> None:
    """`*` as grantee and request is a decision that the owner took."""
    wide = replace(APPROVAL, grantee="*", request="*", operations=())
    assert judged(READ, wide)[0] is Verdict.AUTHORISED


def test_an_unknown_citation_is_named() -> None:
    """A made-up approval id is no approval."""
    citing = replace(READ, approval_id="CHG-9")
    assert judged(citing, replace(APPROVAL, request="REQ-2")) == (
        Verdict.UNAUTHORISED,
        ("approval.unknown",),
    )


def test_a_missing_request_leaves_the_verdict_open() -> None:
    """The approval could be the one; the span does not say for which request it works."""
    bare = replace(READ, request_id="")
    assert judged(bare, APPROVAL) == (Verdict.INDETERMINATE, ("approval.wrong_request",))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tenant": "fjord"}, "credential.other_tenant"),
        ({"expires": NOON}, "credential.expired"),
        ({"revoked": NOON - HOUR}, "credential.revoked"),
        ({"issued": NOON + HOUR}, "credential.not_yet"),
    ],
)
def test_a_bad_credential_breaks_a_good_approval(change: dict[str, Any], reason: str) -> None:
    """Authorised only if every fact is satisfied."""
    credential = Credential(id="c", tenant="acme", issued=NOON - HOUR)
    using = replace(READ, credential_id="c")
    assert judged(using, APPROVAL, credential)[0] is Verdict.AUTHORISED
    assert judged(using, APPROVAL, replace(credential, **change)) == (
        Verdict.UNAUTHORISED,
        (reason,),
    )


def test_a_denied_call_that_ran_is_unauthorised() -> None:
    """The policy had said no."""
    denied = replace(READ, policy_decision="Deny")
    assert judged(denied, APPROVAL) == (Verdict.UNAUTHORISED, ("policy.denied",))


@pytest.mark.parametrize("attestation", ["", "A0"])
@pytest.mark.parametrize("records", [(), (APPROVAL,)])
def test_claims_alone_decide_nothing(attestation: str, records: tuple[Record, ...]) -> None:
    """Neither for nor against."""
    verdict, reasons = judged(replace(READ, attestation=attestation), *records)
    assert verdict is Verdict.INDETERMINATE
    assert "attestation.claimed" in reasons


def test_a_party_is_covered_by_the_approval_of_the_senders_tenant() -> None:
    """It is that tenant's data that leaves."""
    send = replace(
        READ,
        rule="foreign-party",
        to_tenant="outside",
        dataset="",
        party_kind="email",
        party="bo@fjord.example",
        operation="send",
    )
    ours = replace(
        APPROVAL, tenant="acme", datasets=(), parties=("*@fjord.example",), operations=("send",)
    )
    assert judged(send, ours)[0] is Verdict.AUTHORISED
    assert judged(send, replace(ours, parties=("*@else.example",)))[0] is Verdict.UNAUTHORISED


@pytest.mark.parametrize(
    ("introduction", "verdict"),
    [
        ("delegated", Verdict.AUTHORISED),
        ("not delegated", Verdict.UNAUTHORISED),
        ("unknown", Verdict.INDETERMINATE),
    ],
)
def test_who_introduced_a_party_decides_where_no_grant_does(
    introduction: str, verdict: Verdict
) -> None:
    """Unless a fact is broken that no introduction heals."""
    judge = Judge(Registry([]))
    plain = judge.judge(READ)
    assert judge.with_introduction(plain, introduction).verdict is verdict
    denied = judge.judge(replace(READ, policy_decision="deny"))
    assert judge.with_introduction(denied, introduction).verdict is Verdict.UNAUTHORISED
    claimed = judge.judge(replace(READ, attestation="A0"))
    assert judge.with_introduction(claimed, introduction).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    ("verdict", "proof", "facts", "expected"),
    [
        (Verdict.AUTHORISED, Proof.P3, {"moves": True}, Severity.INFO),
        (Verdict.INDETERMINATE, Proof.P2, {"moves": False}, Severity.LOW),
        (Verdict.INDETERMINATE, Proof.P2, {"moves": True}, Severity.MEDIUM),
        (Verdict.INDETERMINATE, Proof.P2, {"moves": False, "suspect": True}, Severity.HIGH),
        (Verdict.UNAUTHORISED, Proof.P0, {"moves": True}, Severity.MEDIUM),
        (Verdict.UNAUTHORISED, Proof.P1, {"moves": True}, Severity.HIGH),
        (Verdict.UNAUTHORISED, Proof.P2, {"moves": True}, Severity.HIGH),
        (Verdict.UNAUTHORISED, Proof.P2, {"moves": True, "direct": True}, Severity.CRITICAL),
        (Verdict.UNAUTHORISED, Proof.P2, {"moves": False, "direct": True}, Severity.HIGH),
        (Verdict.UNAUTHORISED, Proof.P3, {"moves": True}, Severity.CRITICAL),
        (Verdict.UNAUTHORISED, Proof.P3, {"moves": False, "sensitive": True}, Severity.CRITICAL),
        (Verdict.UNAUTHORISED, Proof.P3, {"moves": True, "ceiling": Severity.HIGH}, Severity.HIGH),
    ],
)
def test_severity_is_a_table(
    verdict: Verdict, proof: Proof, facts: dict[str, Any], expected: Severity
) -> None:
    """Verdict, proof and what is at stake."""
    assert severity(verdict, proof, **facts) is expected
