"""A tenant's half of a finding: its own side, and nothing of the other one."""

import json
from collections.abc import Iterator

import pytest
from streams import TENANTS, merged

from partywall_analyzer import Finding, analyze
from partywall_analyzer.halves import ANOTHER, NotConcerned
from partywall_analyzer.model import EXTERNAL, SEVERAL
from partywall_collector.store import open_store

WORLDS = range(10, 20)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Finding]]:
    """Of ten worlds, in which every name of a tenant's thing has the tenant's id in it."""
    home = tmp_path_factory.mktemp("halves") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        for tick in merged(WORLDS):
            # A dataset that went to another owner bears the name of the first one.
            tick.records = [r for r in tick.records if not getattr(r, "pattern", "").endswith("/2")]
            tick.arrive(store)
        yield analyze(store).findings


def others(tenant: str) -> set[str]:
    """The other tenants of the same world."""
    name, seed = tenant.rsplit("-", 1)
    return {f"{other}-{seed}" for other in TENANTS if other != name}


def test_no_text_of_another_tenant_is_in_a_half(findings: list[Finding]) -> None:
    """Names, datasets, sessions, requests, credentials, identities, values: for every finding."""
    seen: set[str] = set()
    for finding in findings:
        for tenant in {finding.from_tenant, finding.to_tenant, finding.session_tenant}:
            if tenant in (EXTERNAL, SEVERAL):
                continue
            half = finding.for_tenant(tenant)
            text = json.dumps(half.to_dict())
            assert not [other for other in others(tenant) if other in text], text
            assert not half.evidence.values
            foreign = {node.id for node in half.chain.nodes if node.tenant == ANOTHER}
            for hop in half.chain.hops:
                assert not {hop.source, hop.target} <= foreign
                if not hop.crossing and {hop.source, hop.target} & foreign:
                    assert not hop.time
            seen.add(finding.rule)
    assert seen >= {"foreign-dataset", "foreign-party", "flow", "handoff", "relay"}


def test_a_half_keeps_what_is_the_tenants_own(findings: list[Finding]) -> None:
    """Who its agent is, its request and session, its calls; the id joins the two halves."""
    finding = next(f for f in findings if f.rule == "foreign-dataset")
    acting = finding.for_tenant(finding.from_tenant)
    assert (acting.id, acting.session_id, acting.agent) == (
        finding.id,
        finding.session_id,
        finding.agent,
    )
    assert (acting.calls, acting.to_tenant, acting.dataset) == (finding.calls, ANOTHER, "")
    owning = finding.for_tenant(finding.to_tenant)
    assert (owning.dataset, owning.from_tenant, owning.session_id) == (
        finding.dataset,
        ANOTHER,
        "",
    )
    assert (owning.verdict, owning.severity, owning.proof) == (
        finding.verdict,
        finding.severity,
        finding.proof,
    )
    assert any(hop.crossing for hop in owning.chain.hops)


def test_who_takes_no_part_gets_nothing(findings: list[Finding]) -> None:
    """Not even a half without names."""
    for tenant in ("stranger", "", EXTERNAL):
        with pytest.raises(NotConcerned):
            findings[0].for_tenant(tenant)
