"""Rules about bindings within a tenant: each planted once, and twins that differ in one fact."""

from typing import Any

import pytest
from planted import YEAR, Case, Cases, Findings, only

from partywall_analyzer import Severity, Verdict
from partywall_analyzer.halves import NotConcerned
from partywall_analyzer.model import SEVERAL
from partywall_analyzer.rules import rules
from partywall_analyzer.testing import Log
from partywall_collector.registry import Credential, Record, Relation, Tenant

REGISTRY: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord", "gate")),
    Credential(id="of-planner", tenant="acme", identity="agent:planner", issued=YEAR),
    Credential(id="of-anybody", tenant="acme", issued=YEAR),
    Relation(id="all", tenant="gate", grantee="acme", datasets=("tenant/gate",), valid_from=YEAR),
]

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


# --- mixed-session -----------------------------------------------------------------------------


@case("two-tenants", "mixed-session")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=1)
    log.call("fjord", session=s, request=s, at=5)
    log.call("fjord", session=s, request=s, at=6)


@case("three-tenants", "mixed-session")
def _(log: Log, s: str) -> None:
    for at, tenant in enumerate(("acme", "fjord", "gate")):
        log.call(tenant, session=s, request=s, at=at)


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
