"""Every rule: one planted crossing, and twins that differ from it in one fact."""

import pytest
from planted import YEAR, Case, Cases, Findings, at, only

from partywall_analyzer import Proof, Severity, Verdict
from partywall_analyzer.model import EXTERNAL
from partywall_analyzer.rules import rules
from partywall_analyzer.testing import Log
from partywall_collector.registry import (
    Approval,
    Credential,
    DatasetOwner,
    Party,
    Record,
    Relation,
    Session,
    Tenant,
)


def approval(id: str, **more: object) -> Approval:
    """An approval of fjord that acme reads its CRM for the request of the same name."""
    fields: dict[str, object] = {
        "tenant": "fjord",
        "grantee": "acme",
        "request": id,
        "datasets": ("crm/fjord/*",),
        "operations": ("read",),
        "valid_from": YEAR,
    }
    return Approval(id=f"CHG-{id}", **(fields | more))  # pyright: ignore[reportArgumentType]  # by name


REGISTRY: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord", "msp", *(f"t{n}" for n in range(9)))),
    DatasetOwner(pattern="crm/acme/*", owner="acme"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
    DatasetOwner(pattern="docs/*", ownership="commons"),
    DatasetOwner(pattern="scratch/*", ownership="shared"),
    Party(tenant="acme", party_kind="email", pattern="*@acme.example"),
    Party(tenant="acme", party_kind="email", pattern="*@supplier.example", relation="standing"),
    Party(tenant="fjord", party_kind="email", pattern="*@fjord.example"),
    Session(tenant="acme", request="names", opened=YEAR, named=(("email", "eve@evil.example"),)),
    Session(tenant="fjord", request="other", opened=YEAR, named=(("email", "eve@evil.example"),)),
    Credential(id="of-acme", tenant="acme", issued=at(-9), expires=at(900)),
    Relation(id="care", tenant="fjord", grantee="msp", datasets=("crm/fjord/*",), valid_from=YEAR),
    Relation(id="one", tenant="t1", grantee="t0", datasets=("*",), valid_from=YEAR),
    approval("covered"),
    approval("twice", valid_until=at(10)),
    approval("lent", tenant="acme", grantee="fjord", datasets=("crm/acme/*",), request="*"),
]


CASES = Cases()
case = CASES.case


# --- foreign-dataset ---------------------------------------------------------------------------


@case("reads-foreign", "foreign-dataset")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["crm/fjord/1"])


@case("reads-own")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["crm/acme/1"])


@case("reads-commons")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["docs/guide"])


@case("reads-shared")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["scratch/1"])


@case("reads-unknown")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["unlisted/1"])


@case("fails-foreign")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["crm/fjord/1"], failed=True)


# --- foreign-party -----------------------------------------------------------------------------


@case("sends-foreign", "foreign-party")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sends=[("email", "eve@evil.example")])


@case("sends-other-tenant", "foreign-party")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sends=[("email", "bo@fjord.example")])


@case("sends-own")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sends=[("email", "ann@acme.example")])


@case("sends-standing")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sends=[("email", "bill@supplier.example")])


@case("sends-named")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request="names", sends=[("email", "Eve@Evil.example")])


@case("sends-named-by-another-tenants-request", "foreign-party")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request="other", sends=[("email", "eve@evil.example")])


@case("sends-fails")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, sends=[("email", "eve@evil.example")], failed=True)


# --- handoff -----------------------------------------------------------------------------------


@case("hands-off", "handoff")
def _(log: Log, s: str) -> None:
    run = log.agent("acme", session=s, request=s)
    log.agent("fjord", session=s, request=s, parent=run, at=5)


@case("hands-off-at-home")
def _(log: Log, s: str) -> None:
    run = log.agent("acme", session=s, request=s)
    log.agent("acme", session=s, request=s, parent=run, at=5)


@case("hands-off-over-a-queue", "handoff")
def _(log: Log, s: str) -> None:
    run = log.agent("gate", session=f"{s}-home", request=s)
    log.agent("fjord", at=5, session=s, request=s, links=[run])


@case("goes-on-over-a-queue")
def _(log: Log, s: str) -> None:
    run = log.agent("fjord", session=f"{s}-home", request=s)
    log.agent("fjord", at=5, session=s, request=s, links=[run])


@case("hands-off-under-a-full-grant", "handoff")
def _(log: Log, s: str) -> None:
    run = log.agent("t0", session=s, request=s)
    log.agent("t1", session=s, request=s, parent=run, at=5)


@case("hands-off-under-a-narrow-grant", "handoff")
def _(log: Log, s: str) -> None:
    run = log.agent("msp", session=s, request=s)
    log.agent("fjord", session=s, request=s, parent=run, at=5)


# --- flow --------------------------------------------------------------------------------------


def flow(
    log: Log, s: str, *, read_ends: float = 3, write_at: float = 5, write_in: int | None = None
) -> None:
    """The provider reads acme and then writes fjord, in one trace unless `write_in` names one."""
    run = log.agent("msp", session=s, request=s)
    log.call(
        "msp", session=s, request=s, parent=run, at=1, lasts=read_ends - 1, reads=["crm/acme/1"]
    )
    into = None if write_in else run
    log.call(
        "msp",
        session=s,
        request=s,
        parent=into,
        trace=write_in,
        at=write_at,
        writes=["crm/fjord/9"],
    )


@case("flows-in-order", "flow", "foreign-dataset", "foreign-dataset")
def _(log: Log, s: str) -> None:
    flow(log, s)


@case("writes-before-the-read-is-back", "foreign-dataset", "foreign-dataset")
def _(log: Log, s: str) -> None:
    flow(log, s, read_ends=8)


@case("writes-in-another-trace", "foreign-dataset", "foreign-dataset")
def _(log: Log, s: str) -> None:
    flow(log, s, write_in=0xABCD)


def carry(
    log: Log, s: str, out: list[int], into: list[int], reads: str = "crm/acme/1", first: str = ""
) -> None:
    """Acme reads and then mails outside; the values say what went along."""
    if first:
        log.call("acme", session=s, request=s, at=0, reads=[first], values_out=out)
    log.call("acme", session=s, request=s, at=2, reads=[reads], values_out=out)
    log.call(
        "acme", session=s, request=s, at=9, sends=[("email", "eve@evil.example")], values_in=into
    )


@case("carries-two", "flow", "foreign-party")
def _(log: Log, s: str) -> None:
    carry(log, s, [101, 102, 103], [102, 103])


@case("carries-one", "flow", "foreign-party")
def _(log: Log, s: str) -> None:
    carry(log, s, [111, 112], [112])


@case("carries-nothing", "foreign-party")
def _(log: Log, s: str) -> None:
    carry(log, s, [121, 122], [123])


@case("carries-from-a-commons", "foreign-party")
def _(log: Log, s: str) -> None:
    carry(log, s, [131, 132], [131, 132], reads="docs/guide")


@case("carries-what-a-commons-showed-first", "foreign-party")
def _(log: Log, s: str) -> None:
    carry(log, s, [141, 142], [141, 142], first="docs/guide")


@case("carries-commonplace-values", "foreign-party")
def _(log: Log, s: str) -> None:
    for number in range(9):
        log.call(
            f"t{number}", identity=f"agent:{number}", session=f"{s}-{number}", values_out=[151, 152]
        )
    carry(log, s, [151, 152], [151, 152])


@case("carries-what-the-receiver-had", "foreign-dataset", "foreign-dataset")
def _(log: Log, s: str) -> None:
    log.call("msp", session=s, request=s, at=1, reads=["crm/fjord/1"], values_out=[161, 162])
    log.call("msp", session=s, request=s, at=3, reads=["crm/acme/1"], values_out=[161, 162])
    log.call("msp", session=s, request=s, at=5, writes=["crm/fjord/1"], values_in=[161, 162])


# --- shared-credential -------------------------------------------------------------------------


@case("lends-registered", "shared-credential")
def _(log: Log, s: str) -> None:
    log.call("fjord", session=s, request=s, credential="of-acme")


@case("uses-its-own")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="of-acme")


@case("lends-unregistered", "shared-credential")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s + "-home", request=s, credential="stray", at=1)
    log.call("fjord", session=s, request=s, credential="stray", at=50)


@case("reuses-unregistered")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s + "-home", request=s, credential="kept", at=1)
    log.call("acme", session=s, request=s, credential="kept", at=50)


# --- verdicts within a finding -----------------------------------------------------------------


@case("covered", "foreign-dataset")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["crm/fjord/1"])


@case("twice", "foreign-dataset")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["crm/fjord/1"], at=1)
    log.call("acme", session=s, request=s, reads=["crm/fjord/1"], at=20)


@case("claimed", "foreign-dataset")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, reads=["crm/fjord/1"], attestation="A0")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return CASES.analyzed(tmp_path_factory.mktemp("rules") / "home", REGISTRY)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_a_case_is_found_and_its_twin_is_not(findings: Findings, each: Case) -> None:
    """Each rule speaks of its own crossing, and is silent once one fact differs."""
    assert sorted(finding.rule for finding in findings[each.name]) == sorted(each.found)


def test_every_rule_has_a_planted_crossing() -> None:
    """A rule without a positive case would be silent for ever."""
    elsewhere = {"relay", "tenant-mismatch", "stale-credential"}  # test_rules_over_sessions.py
    elsewhere |= {"canary"}  # test_canaries.py
    planted = {rule for each in CASES for rule in each.found}
    bindings = {rule.id for rule in rules() if rule.broken}  # test_binding_rules.py
    assert planted | elsewhere | bindings == {rule.id for rule in rules()}


def test_no_finding_comes_from_nowhere(findings: Findings) -> None:
    """Sessions that only help a case are clean."""
    assert {name for name, found in findings.items() if found} <= {case.name for case in CASES}


def test_a_foreign_read_is_high_and_its_sides_are_named(
    findings: Findings,
) -> None:
    """A dataset of another tenant, no grant: unauthorised, and P2 because the call declares it."""
    found = only(findings, "reads-foreign", "foreign-dataset")
    assert (found.from_tenant, found.to_tenant) == ("acme", "fjord")
    assert (found.verdict, found.severity) == (Verdict.UNAUTHORISED, Severity.HIGH)
    assert found.reasons == ("approval.missing",)
    assert found.proof is Proof.P2
    assert len(found.calls) == 1
    assert "No approval or relation of fjord covers it" in found.sentence


def test_an_approval_covers_and_stays_on_record(findings: Findings) -> None:
    """An authorised crossing is information, never silence."""
    found = only(findings, "covered", "foreign-dataset")
    assert (found.verdict, found.severity) == (Verdict.AUTHORISED, Severity.INFO)
    assert found.evidence.records[0].id == "CHG-covered"
    assert "CHG-covered" in found.sentence


def test_only_the_call_after_the_approval_ended_is_held_against_it(
    findings: Findings,
) -> None:
    """One finding, its verdict the worst, its calls those that earned it."""
    found = only(findings, "twice", "foreign-dataset")
    assert found.verdict is Verdict.UNAUTHORISED
    assert found.reasons == ("approval.expired",)
    assert len(found.calls) == 1
    assert found.first_seen == at(20)


def test_a_mere_claim_is_no_verdict_but_keeps_its_weight(
    findings: Findings,
) -> None:
    """A0 says who from the span alone: indeterminate, as severe as if it were known."""
    found = only(findings, "claimed", "foreign-dataset")
    assert (found.verdict, found.severity) == (Verdict.INDETERMINATE, Severity.HIGH)
    assert "attestation.claimed" in found.reasons


def test_a_party_of_another_tenant_names_that_tenant(
    findings: Findings,
) -> None:
    """Where nobody's own pattern matches, the other side is outside all tenants."""
    assert only(findings, "sends-other-tenant", "foreign-party").to_tenant == "fjord"
    outside = only(findings, "sends-foreign", "foreign-party")
    assert outside.to_tenant == EXTERNAL
    assert outside.party == "email:eve@evil.example"
    assert outside.verdict is Verdict.INDETERMINATE


def test_a_narrow_grant_lets_nobody_act_as_a_tenant(findings: Findings) -> None:
    """A relation about single datasets leaves the hand-off open; one about all covers it."""
    narrow = only(findings, "hands-off-under-a-narrow-grant", "handoff")
    assert (narrow.verdict, narrow.reasons) == (Verdict.INDETERMINATE, ("grant.narrower",))
    full = only(findings, "hands-off-under-a-full-grant", "handoff")
    assert full.verdict is Verdict.AUTHORISED
    assert only(findings, "hands-off", "handoff").verdict is Verdict.UNAUTHORISED


@pytest.mark.parametrize(
    ("name", "proof"),
    [("carries-two", Proof.P3), ("carries-one", Proof.P2), ("flows-in-order", Proof.P1)],
)
def test_a_flow_is_graded_by_what_shows_it(findings: Findings, name: str, proof: Proof) -> None:
    """Two identifiers are P3, one is P2, the order of the calls alone is P1."""
    found = only(findings, name, "flow")
    assert found.proof is proof
    assert found.from_tenant == "acme"
    assert ("Proven" in found.sentence) is (proof is Proof.P3)
    assert len(found.sources) == 1


def test_a_chain_leads_from_the_request_to_the_crossing(
    findings: Findings,
) -> None:
    """Request, agent, read, write, and the hop through the wall is marked."""
    chain = only(findings, "flows-in-order", "flow").chain
    kinds = {node.kind for node in chain.nodes}
    assert {"request", "agent", "tool", "dataset"} <= kinds
    crossing = [hop for hop in chain.hops if hop.crossing]
    nodes = {node.id: node for node in chain.nodes}
    assert nodes[crossing[-1].target].label == "crm/fjord/9"
    assert all(nodes[hop.source].tenant != nodes[hop.target].tenant for hop in crossing)


def test_whose_credential_it_is_the_registry_says(findings: Findings) -> None:
    """Known: judged. Unknown: its first user is the owner, and the verdict stays open."""
    known = only(findings, "lends-registered", "shared-credential")
    assert (known.from_tenant, known.verdict) == ("acme", Verdict.UNAUTHORISED)
    stray = only(findings, "lends-unregistered", "shared-credential")
    assert (stray.from_tenant, stray.to_tenant) == ("acme", "fjord")
    assert stray.verdict is Verdict.INDETERMINATE
    assert "credential record" in stray.evidence.missing
