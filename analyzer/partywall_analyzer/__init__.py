"""Where a chain of tool calls crossed from one tenant to another, why, and how that is known."""

from partywall_analyzer.engine import Analysis, analyze
from partywall_analyzer.findings import (
    OPERATOR,
    FindingPage,
    Scope,
    get_finding,
    list_findings,
    tenant_matrix,
    totals,
    trend,
)
from partywall_analyzer.lookup import TraceSpan, WhoRow, trace, who
from partywall_analyzer.model import Chain, Finding, Proof, Severity, Verdict

__all__ = [
    "OPERATOR",
    "Analysis",
    "Chain",
    "Finding",
    "FindingPage",
    "Proof",
    "Scope",
    "Severity",
    "TraceSpan",
    "Verdict",
    "WhoRow",
    "analyze",
    "get_finding",
    "list_findings",
    "tenant_matrix",
    "totals",
    "trace",
    "trend",
    "who",
]
