"""A policy had denied a call, and it ran.

Why: a policy that is asked and not obeyed is no control. Only a call that succeeded counts.

What it does not see: policies that are asked elsewhere and record nothing on the span, and those
that were only tried out (`partywall.policy.Observed`) look the same.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="denied-call",
    opens=Key.SESSION,
    title="A call for {from_name} ran against its policy",
    sentence="{who}, working for {from_name}, called {tool}{times}, which its policy had denied.",
    frameworks=(
        *("ASI02", "ASI10", "T2", "T13", "NHI5:2025", "MAESTRO-v1:L6", "NIST-AI-RMF:MANAGE-2.4"),
        *("NIST-AI-RMF:GOVERN-1.4", "SOC2:CC5.2", "SOC2:CC6.1"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P2,
    broken=Broken(
        "policy.denied", "A policy had denied the call, and it ran", Verdict.UNAUTHORISED
    ),
    grounds="the decision that the span records",
)
