"""A call relies on an approval of everything.

Why: an approval for every dataset or party, or for everybody and every request, decides nothing.

What it does not see: approvals that no call cites, wide patterns such as `crm/*`, and approvals of
which most is never used.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="overbroad-approval",
    opens=Key.IDENTITY,
    title="Approval {approval} allows everything",
    sentence="{who}, working for {from_name}, called {tool} under approval {approval}, which "
    "names no limit.",
    frameworks=(
        *("ASI03", "T3", "NHI5:2025", "MAESTRO-v1:L6", "NIST-AI-RMF:GOVERN-1.4", "SOC2:CC6.3"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "approval.overbroad",
        "The approval is for everything, or for everybody",
        Verdict.INDETERMINATE,
    ),
    grounds="the approval on record",
)
