"""By which tools the data of flows was read, for approvals that name tools."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from partywall_analyzer.model import Candidate, Crossing, Ref
from partywall_analyzer.observations import Calls
from partywall_analyzer.rules import Cover, rule
from partywall_analyzer.tables import Tables
from partywall_collector.registry import Registry


def with_source_tools(
    candidates: Sequence[Candidate], registry: Registry, tables: Tables, calls: Calls
) -> list[Candidate]:
    """The candidates, those apart that came by different tools from a tenant that names tools."""
    owners = {tenant for tenant, _ in registry.approved_tools}

    def asks(candidate: Candidate) -> bool:
        covered = rule(candidate.rule).covered_by is Cover.FLOW
        return covered and not candidate.party and candidate.from_tenant in owners

    asked = [candidate for candidate in candidates if asks(candidate)]
    sources = {x.source for candidate in asked for x in candidate.crossings if x.source}
    if not sources:
        return list(candidates)
    rows = tables.of_traces("tools_of_traces", sorted({ref.trace_id for ref in sources}))
    tools = {Ref(row["trace"], row["span"]): row["tool"] for row in rows}

    for span in sources & calls.by_span.keys():
        tools[span] = calls.by_span[span].facts.tool
    return [
        part
        for candidate in candidates
        for part in (_apart(candidate, tools) if asks(candidate) else [candidate])
    ]


def _apart(candidate: Candidate, tools: Mapping[Ref, str]) -> list[Candidate]:
    parts: defaultdict[str, list[Crossing]] = defaultdict(list)
    for crossing in candidate.crossings:
        tool = tools.get(crossing.source, "") if crossing.source else ""
        parts[tool].append(replace(crossing, source_tool=tool))
    return [candidate.only(part) for part in parts.values()]
