"""A credential for one request outlived the session that used it.

Why: access for a task ends with the task, or it waits for whoever finds it.

A credential that the registry knows as one for a request must be revoked, or end, within
`PARTYWALL_REVOCATION_GRACE` seconds of the close of the session. A session is looked at once the
record of its close was loaded `PARTYWALL_SETTLE` seconds ago; a revocation that is recorded later
and was in time withdraws the finding.

What it does not see: credentials without a request on record (`long-lived-credential` sees those),
sessions that never closed, and a revocation that the issuer did not really carry out.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="lingering-credential",
    opens=Key.SESSION,
    title="Credential {credential} of {from_name} outlived its session",
    sentence="{who}, working for {from_name}, used credential {credential}{times}, and it "
    "was neither revoked nor ended when the session closed.",
    frameworks=(
        *("ASI03", "T3", "NHI1:2025", "NHI7:2025", "MAESTRO-v1:L4", "MAESTRO-v1:L6"),
        *("NIST-AI-RMF:GOVERN-1.7", "SOC2:CC6.2"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "credential.not_revoked",
        "The credential was not taken back after the session",
        Verdict.UNAUTHORISED,
    ),
    grounds="the close of the session and the end on record",
)
