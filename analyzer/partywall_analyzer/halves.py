"""One tenant's half of a finding: its own side and the crossing, the other side under a pseudonym.

What is not known to be the tenant's own is left out: texts are told anew instead of cleaned.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from partywall_analyzer.model import (
    DRILL,
    DRILL_MARK,
    EXTERNAL,
    SEVERAL,
    Chain,
    Evidence,
    Finding,
    Hop,
    Node,
    Ref,
)
from partywall_analyzer.standing import WITHDRAWN

ANOTHER: Final = "another-tenant"
"""Stands for the other side, whoever it is: two halves share no name but the id of the finding."""

_OWN: Final = ("trace_id", "agent", "identity", "operation")


class NotConcerned(ValueError):
    """The finding has no side of this tenant."""


def half(finding: Finding, tenant: str) -> Finding:
    """The half of a tenant that takes part; the id is that of the whole finding.

    Raises NotConcerned for any other tenant.
    """
    sides = {finding.from_tenant, finding.to_tenant, finding.session_tenant}
    if not tenant or tenant in (EXTERNAL, SEVERAL) or tenant not in sides:
        raise NotConcerned(f"finding {finding.id} has no side of tenant '{tenant}'")
    nodes = [node for node in finding.chain.nodes if node.tenant == tenant]
    steps = {node.id.partition(":")[2] for node in nodes if node.kind in ("tool", "agent")}
    own = finding.session_tenant == tenant
    datasets = {node.label for node in nodes if node.kind == "dataset"}
    credentials = {node.label for node in nodes if node.kind == "credential"}
    dataset = finding.dataset if finding.dataset in datasets else ""
    # A run that was handed over bears the names that its first tenant gave to it.
    begun = own and bool(finding.chain.nodes) and finding.chain.nodes[0].tenant == tenant
    about = finding.session_id if begun else ""
    told = {
        name: getattr(finding, name) if shown else ""
        for shown, names in ((own, _OWN), (begun, ("session_id", "request_id")))
        for name in names
    }
    return replace(
        finding,
        **told,
        title=_title(finding, tenant, own=own),
        sentence=_sentence(finding, tenant, dataset, about, own=own),
        subject=finding.id,
        from_tenant=_side(finding.from_tenant, tenant),
        to_tenant=_side(finding.to_tenant, tenant),
        session_tenant=_side(finding.session_tenant, tenant),
        credential_id=finding.credential_id if finding.credential_id in credentials else "",
        dataset=dataset,
        party=finding.party if own and finding.to_tenant in (EXTERNAL, tenant) else "",
        calls=_own(finding.calls, steps),
        sources=_own(finding.sources, steps),
        chain=_chain(finding, tenant, steps, own=own),
        evidence=Evidence(missing=finding.evidence.missing, frameworks=finding.evidence.frameworks),
        state=_state(finding, tenant),
        standings=tuple(each for each in finding.standings if each.tenant == tenant),
        responses=tuple(each for each in finding.responses if each.tenant == tenant),
    )


def _state(finding: Finding, tenant: str) -> str:
    own = (each.state for each in finding.standings if each.tenant == tenant)
    return finding.state if finding.state == WITHDRAWN else next(own, "new")


def _side(side: str, tenant: str) -> str:
    return side if side in (tenant, EXTERNAL, "") else ANOTHER


def _title(finding: Finding, tenant: str, *, own: bool) -> str:
    mark = DRILL_MARK if DRILL in finding.reasons else ""
    return mark + _crossed(finding, tenant, own=own)


def _crossed(finding: Finding, tenant: str, *, own: bool) -> str:
    if finding.from_tenant == finding.to_tenant:
        return f"{tenant}: {finding.rule}"
    whom = "outside all tenants" if EXTERNAL in (finding.from_tenant, finding.to_tenant) else ""
    there = whom or "another tenant"
    if own:
        return f"A call for {tenant} crossed to {there}"
    way = "from" if finding.from_tenant == tenant else "to"
    return f"A call for another tenant led {way} {tenant}"


def _sentence(finding: Finding, tenant: str, dataset: str, session: str, *, own: bool) -> str:
    said = [f"{_title(finding, tenant, own=own)} ({finding.rule})"]
    said += [f"in session {session}"] if session else []
    said += [f"at dataset {dataset}"] if dataset else []
    reasons = ", ".join(finding.reasons)
    return f"{' '.join(said)}. It is {finding.verdict}" + (f": {reasons}." if reasons else ".")


def _own(refs: Sequence[Ref], steps: set[str]) -> tuple[Ref, ...]:
    return tuple(ref for ref in refs if ref.span_id in steps)


def _chain(finding: Finding, tenant: str, steps: set[str], *, own: bool) -> Chain:
    """Own nodes and hops; all others are one node, and only the crossing leads there."""
    shown: dict[str, Node] = {}
    for node in finding.chain.nodes:
        if node.tenant == tenant or (own and node.tenant == EXTERNAL):
            shown[node.id] = node
    other = Node(ANOTHER, "agent", "another tenant", ANOTHER)
    hops: list[Hop] = []
    for hop in finding.chain.hops:
        ends = [shown.get(end, other) for end in (hop.source, hop.target)]
        if ends == [other, other]:
            continue
        if other in ends and not hop.crossing:
            hop = replace(hop, time="")
        if hop.span_id not in steps:
            hop = replace(hop, trace_id="", span_id="")
        if not own or other in ends:
            hop = replace(hop, label="crossed" if hop.crossing else "passed")
        hops.append(replace(hop, source=ends[0].id, target=ends[1].id))
    used = {end for hop in hops for end in (hop.source, hop.target)}
    nodes = [*shown.values(), *([other] if other.id in used else [])]
    return Chain(tuple(nodes), tuple(dict.fromkeys(hops)))
