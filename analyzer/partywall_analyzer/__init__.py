"""Where a chain of tool calls crossed from one tenant to another, why, and how that is known."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partywall_analyzer.covering import TenantCoverage, coverage
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
    from partywall_analyzer.inventory import Identity, identities
    from partywall_analyzer.lookup import WhoRow, who
    from partywall_analyzer.model import Chain, Finding, Proof, Severity, Verdict
    from partywall_analyzer.waterfall import TraceSpan, trace

__all__ = [
    "OPERATOR",
    "Analysis",
    "Chain",
    "Finding",
    "FindingPage",
    "Identity",
    "Proof",
    "Scope",
    "Severity",
    "TenantCoverage",
    "TraceSpan",
    "Verdict",
    "WhoRow",
    "analyze",
    "coverage",
    "get_finding",
    "identities",
    "list_findings",
    "tenant_matrix",
    "totals",
    "trace",
    "trend",
    "who",
]

_MODULES = ("model", "findings", "lookup", "waterfall", "engine", "covering", "inventory")


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: look-ups do not wait for the graph library."""
    if name in __all__:
        for module in _MODULES:
            found = import_module(f"{__name__}.{module}")
            if hasattr(found, name):
                return getattr(found, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
