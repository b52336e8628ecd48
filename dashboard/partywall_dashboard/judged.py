"""How a finding was judged, as a row of badges: words first, the rule's id in grey."""

from partywall_analyzer.model import Finding
from partywall_dashboard import text
from partywall_dashboard.settings import SEVERITIES


def finding_tags(finding: Finding) -> None:
    """Severity, verdict, proof and rule."""
    shape, _ = SEVERITIES[finding.severity]
    text.tags(
        (
            (finding.severity.value, f"{shape} {finding.severity.value}", "severity"),
            (finding.verdict.value, finding.verdict.value, "; ".join(finding.reasons) or "verdict"),
            ("grey", f"{finding.proof.value} {finding.proof.meaning}", "how it is known"),
            ("grey", finding.rule, "the rule that found it"),
        )
    )
