"""An identity uses a credential that lives longer than is allowed.

Why: a credential that is good for days is worth stealing.

Its life is from its first moment to its end or revocation on record; `PARTYWALL_CREDENTIAL_LIFE` is
how long it may be. One finding for each identity and credential; it lists the first call of each
kind.

What it does not see: credentials that the registry does not know, and those that nobody used.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="long-lived-credential",
    opens=Key.IDENTITY,
    title="Credential {credential} of {from_name} lives long",
    sentence="{who}, working for {from_name}, used credential {credential}, which lives "
    "longer than is allowed.",
    frameworks=(
        *("ASI03", "T3", "NHI7:2025", "MAESTRO-v1:L4", "MAESTRO-v1:L6"),
        *("NIST-AI-RMF:GOVERN-1.7", "SOC2:CC6.2"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "credential.long_lived",
        "The credential lives longer than is allowed",
        Verdict.INDETERMINATE,
    ),
    grounds="the beginning and the end on record",
)
