"""An approval was given by who relies on it.

Why: who approves their own acts is not overseen. The crossing that it covers keeps its verdict;
this says what the approval is worth.

The approver is compared with the identity, the agent and the person on whose behalf it acts, in
capitals or not.

What it does not see: approvals that no call cites, one person under two names, and many approvals
that one person waves through.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="self-approval",
    opens=Key.IDENTITY,
    title="Approval {approval} was given by who relies on it",
    sentence="{who}, working for {from_name}, called {tool} under approval {approval}, which "
    "it gave to itself, or had from the person it works for.",
    frameworks=(
        *("ASI09", "T10", "T15", "NHI10:2025", "MAESTRO-v1:L6", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MAP-3.5", "NIST-AI-RMF:GOVERN-3.2", "SOC2:CC6.3"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "approval.self_approved",
        "The approver and who relies on it are the same",
        Verdict.UNAUTHORISED,
    ),
    grounds="the approver on record",
)
