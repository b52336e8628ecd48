"""Rules about bindings within a tenant: each planted once, and twins that differ in one fact."""

from typing import Any

import pytest
from bindings import REGISTRY, closes
from planted import Case, Cases, Findings, only

from partywall_analyzer import Severity, Verdict
from partywall_analyzer.halves import NotConcerned
from partywall_analyzer.model import SEVERAL
from partywall_analyzer.rules import rules
from partywall_analyzer.testing import Log

CASES = Cases()
case = CASES.case


def acts(*chain: str, identity: str = "agent:assistant") -> dict[str, Any]:
    """A call of one identity, with those who act for one another."""
    return {"identity": identity, "columns": {"actor_chain": list(chain)}}


# --- denied-call -------------------------------------------------------------------------------


@case("denied", "denied-call")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, tool="drop", policy="dlp", decision="Deny")


@case("allowed")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, tool="drop", policy="dlp", decision="allow")


@case("stopped")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, tool="drop", policy="dlp", decision="deny", failed=True)


@case("undecided")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, tool="drop")


# --- delegation --------------------------------------------------------------------------------


@case("chain-of-somebody-else", "broken-delegation")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, **acts("agent:planner", "user:ann"))


@case("chain-with-a-hole", "broken-delegation")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, **acts("agent:assistant", "", "user:ann"))


@case("chain-that-holds")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, **acts("agent:assistant", "agent:planner", "user:ann"))


@case("no-chain")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, **acts())


@case("six-deep", "deep-delegation")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, **acts("agent:assistant", *"bcdef"))


@case("five-deep")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, **acts("agent:assistant", *"bcde"))


@case("credential-of-the-planner", "widened-delegation")
def _(log: Log, s: str) -> None:
    held = acts("agent:assistant", "agent:planner")
    log.call("acme", session=s, request=s, credential="of-planner", **held)


@case("credential-of-its-own")
def _(log: Log, s: str) -> None:
    held = acts("agent:planner", identity="agent:planner")
    log.call("acme", session=s, request=s, credential="of-planner", **held)


@case("credential-of-anybody")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="of-anybody")


@case("credential-that-opened-nothing")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="of-planner", failed=True)


# --- identities --------------------------------------------------------------------------------


def alone(log: Log, tenant: str, s: str, *, identity: str = "", **more: Any) -> None:
    """A call of an identity of its own, named as the case, in a session of that name."""
    log.call(tenant, session=s, request=s, identity=identity or s, **more)


def unbound(log: Log, s: str, *, trace: int, session: str = "", request: str = "") -> None:
    log.call("acme", trace=trace, session=session or f"{trace:032x}", request=request, identity=s)


@case(f"{0x501:032x}", "unbound-session")  # where there is no session, its trace is named
def _(log: Log, s: str) -> None:
    unbound(log, s, trace=0x501)
    unbound(log, s, trace=0x502)


@case("in-a-session")
def _(log: Log, s: str) -> None:
    unbound(log, s, trace=0x503, session=s)


@case("for-a-request")
def _(log: Log, s: str) -> None:
    unbound(log, s, trace=0x504, request=s)


@case("silent", "silent-tool")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, tool="query")
    alone(log, "acme", s, tool="query", at=9)


@case("speaks-now-and-then")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, tool="query")
    alone(log, "acme", s, tool="query", at=9, reads=["unlisted/1"])


@case("has-nothing-to-say")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, tool="think")


@case("silent-and-failed")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, tool="query", failed=True)


def serves(log: Log, s: str, tenants: int, **more: Any) -> None:
    """One identity reads for some tenants, each in a session of its own."""
    for number in range(tenants):
        session = f"{s}-{number}" if number else s
        log.call(f"t{number}", session=session, request=session, identity=s, at=number, **more)


@case("serves-eight", "uniform-privilege")
def _(log: Log, s: str) -> None:
    serves(log, s, 8)


@case("serves-seven")
def _(log: Log, s: str) -> None:
    serves(log, s, 7)


@case("serves-eight-under-approvals")
def _(log: Log, s: str) -> None:
    serves(log, s, 8, approval="CHG-one")


@case("serves-eight-and-writes-for-seven")
def _(log: Log, s: str) -> None:
    serves(log, s, 7)
    log.call("t7", session=f"{s}-7", request=s, identity=s, writes=["unlisted/1"])


@case("approved-by-itself", "self-approval")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, identity="Bot@acme", approval="CHG-bot")


@case("approved-by-the-one-who-asked", "self-approval")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, approval="CHG-ann", columns={"subject": "ann@acme"})


@case("approved-by-another")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, approval="CHG-ann", columns={"subject": "bo@acme"})


@case("approved-everything", "overbroad-approval")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, approval="CHG-all")


@case("approved-for-everybody", "overbroad-approval")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, approval="CHG-anybody")


@case("approved-one-thing")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, approval="CHG-one")


# --- sessions that closed ----------------------------------------------------------------------


@case("one-is-missing", "sequence-gap")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, 3, count=4)


@case("the-first-is-missing", "sequence-gap")
def _(log: Log, s: str) -> None:
    closes(log, s, 2, 3, count=4)


@case("none-is-missing")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, 2, 3, count=4)


@case("none-is-missing-of-two-parts")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, 2, count=3)
    closes(log, s, 1, count=2)


@case("one-part-is-still-open")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, 3, count=4)
    log.call("acme", session=s, request=s, sequence=1, at=9)


@case("is-not-closed")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sequence=7)


DAY = 86_400


@case("goes-on-for-more-than-a-day", "unclosed-session")
def _(log: Log, s: str) -> None:
    for number, at in ((1, 0), (2, DAY + 1)):
        log.call("acme", session=s, request=s, sequence=number, at=at)


@case("goes-on-for-a-day")
def _(log: Log, s: str) -> None:
    for number, at in ((1, 0), (2, DAY)):
        log.call("acme", session=s, request=s, sequence=number, at=at)


@case("goes-on-for-more-than-a-day-and-closes")
def _(log: Log, s: str) -> None:
    for number, at in ((1, 0), (2, DAY + 1)):
        log.call("acme", session=s, request=s, sequence=number, at=at)
    log.close("acme", session=s, request=s, sequence=3, at=DAY + 2)


@case("one-part-goes-on-for-more-than-a-day", "unclosed-session")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, 2, count=3)
    log.call("acme", session=s, request=s, sequence=1, at=9)
    log.call("acme", session=s, request=s, sequence=2, at=DAY + 9)


@case("numbers-nothing-for-more-than-a-day")
def _(log: Log, s: str) -> None:
    for at in (0, DAY + 1):
        log.call("acme", session=s, request=s, at=at)


@case("outlives-its-session", "lingering-credential")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, 2, count=3, credential="for-an-hour")


@case("ends-in-time")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, count=2, credential="ends-in-time")


@case("is-revoked-in-time")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, count=2, credential="revoked-in-time")


@case("is-of-no-request")
def _(log: Log, s: str) -> None:
    closes(log, s, 1, count=2, credential="of-anybody")


@case("outlives-a-session-that-is-open")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sequence=1, credential="for-an-hour")


@case("lives-for-ever", "long-lived-credential")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, credential="for-ever")


@case("lives-for-an-hour")
def _(log: Log, s: str) -> None:
    alone(log, "acme", s, credential="for-an-hour")


# --- widespread-value --------------------------------------------------------------------------


def spread(log: Log, s: str, value: int, *, over: int = 9, first: str = "crm/acme/1") -> None:
    """A value is read from one place, and then put to use for so many others."""
    log.call("acme", session=s, request=s, reads=[first], values_out=[value], identity=s)
    for number in range(over):
        name = f"{s}-{number}"
        log.call(
            f"t{number}", at=10 + number, values_in=[value], session=name, request=s, identity=name
        )


@case("sprays-0", "widespread-value")  # the session of the first holder
def _(log: Log, s: str) -> None:
    spread(log, "sprays", 9_001)


@case("sprays-over-eight")
def _(log: Log, s: str) -> None:
    spread(log, s, 9_002, over=8)


@case("sprays-what-a-commons-gave")
def _(log: Log, s: str) -> None:
    spread(log, s, 9_003, first="docs/1")


@case("sprays-what-they-keep-themselves")
def _(log: Log, s: str) -> None:
    spread(log, s, 9_004)
    log.call(
        "t0", session=f"{s}-own", request=s, reads=["crm/t0/1"], values_out=[9_004], identity=s
    )


@case("sprays-what-nobody-keeps")
def _(log: Log, s: str) -> None:
    spread(log, s, 9_005, first="unlisted/1")


# --- mixed-session -----------------------------------------------------------------------------


@case("two-tenants", "mixed-session")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=1)
    log.call("fjord", session=s, request=s, at=5)
    log.call("fjord", session=s, request=s, at=6)


@case("three-tenants", "mixed-session")
def _(log: Log, s: str) -> None:
    for second, tenant in enumerate(("acme", "fjord", "gate")):
        log.call(tenant, session=s, request=s, at=second)


@case("two-tenants-by-contract", "mixed-session")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=1)
    log.call("gate", session=s, request=s, at=5)


@case("one-tenant-twice")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=1)
    log.call("acme", session=s, request=s, at=5)


@case("handed-over-in-one-trace", "handoff")
def _(log: Log, s: str) -> None:
    run = log.call("acme", session=s, request=s, at=1)
    log.call("fjord", session=s, request=s, at=5, parent=run)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARTYWALL_SETTLE", "0")
        return CASES.analyzed(tmp_path_factory.mktemp("bindings") / "home", REGISTRY)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_a_case_is_found_and_its_twin_is_not(findings: Findings, each: Case) -> None:
    """Each rule speaks of its own case, and is silent once one fact differs."""
    assert sorted(finding.rule for finding in findings[each.name]) == sorted(each.found)


def test_every_rule_about_a_binding_has_a_planted_case() -> None:
    """A rule without a positive case would be silent for ever."""
    planted = {rule for each in CASES for rule in each.found}
    assert planted >= {rule.id for rule in rules() if rule.broken}


def test_no_finding_comes_from_nowhere(findings: Findings) -> None:
    """Sessions that only help a case are clean."""
    assert {name for name, found in findings.items() if found} <= {case.name for case in CASES}


def test_a_broken_binding_is_one_tenants_own(findings: Findings) -> None:
    """From and to are that tenant, it has its half, and nobody else takes part."""
    found = only(findings, "denied", "denied-call")
    assert (found.from_tenant, found.to_tenant, found.session_tenant) == ("acme",) * 3
    assert (found.verdict, found.reasons) == (Verdict.UNAUTHORISED, ("policy.denied",))
    assert found.severity is Severity.HIGH
    assert found.title == "A call for acme ran against its policy"
    assert found.sentence.endswith(" and it ran. Shown by the decision that the span records (P2).")
    assert found.for_tenant("acme").title == "acme: denied-call"
    with pytest.raises(NotConcerned):
        found.for_tenant("fjord")


def test_a_mixed_session_is_one_open_finding(findings: Findings) -> None:
    """However many calls; only a grant to act as the other tenant settles it."""
    two = only(findings, "two-tenants", "mixed-session")
    assert (two.from_tenant, two.to_tenant, len(two.calls)) == ("acme", "fjord", 2)
    assert (two.verdict, two.severity) == (Verdict.INDETERMINATE, Severity.LOW)
    assert "went on for fjord" in two.title
    three = only(findings, "three-tenants", "mixed-session")
    assert (three.to_tenant, len(three.calls)) == (SEVERAL, 2)
    assert "several tenants" in three.sentence
    assert three.for_tenant("acme").to_tenant == "another-tenant"
    with pytest.raises(NotConcerned):
        three.for_tenant(SEVERAL)
    covered = only(findings, "two-tenants-by-contract", "mixed-session")
    assert (covered.verdict, covered.reasons) == (Verdict.AUTHORISED, ("relation.covers",))


def test_what_is_about_all_tenants_is_the_operators(findings: Findings) -> None:
    """One identity over many tenants has no half; it lists a call for each of them."""
    found = only(findings, "serves-eight", "uniform-privilege")
    assert (found.from_tenant, found.to_tenant) == (SEVERAL, SEVERAL)
    assert len(found.calls) == 8
    assert (found.verdict, found.severity) == (Verdict.INDETERMINATE, Severity.LOW)
    assert found.subject == found.identity == "serves-eight"
    with pytest.raises(NotConcerned):
        found.for_tenant(SEVERAL)


def test_an_approval_of_ones_own_is_unauthorised(findings: Findings) -> None:
    """Whatever it covers; the sentence names it."""
    found = only(findings, "approved-by-itself", "self-approval")
    assert (found.verdict, found.severity) == (Verdict.UNAUTHORISED, Severity.MEDIUM)
    assert "Approval CHG-bot was given by who relies on it" in found.title


def test_a_widespread_value_names_where_it_was_read_first(findings: Findings) -> None:
    """One finding a value, open, with the first call of each holder."""
    found = next(f for each in findings.values() for f in each if f.rule == "widespread-value")
    assert (found.from_tenant, found.to_tenant, len(found.calls)) == ("acme", SEVERAL, 9)
    assert (found.verdict, found.severity) == (Verdict.INDETERMINATE, Severity.LOW)
    assert int(found.subject, 16) == 9_001
    assert "read from crm/acme/1 of acme" in found.sentence
    assert found.for_tenant("acme").to_tenant == "another-tenant"
