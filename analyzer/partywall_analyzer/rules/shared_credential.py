"""A credential of one tenant is used for another.

Why: acts can no longer be attributed, and a credential issued for one customer opens another.

Whose it is, the registry says; a credential that the registry does not know belongs to the tenant
that used it first, and the verdict stays indeterminate.

What it does not see: calls whose spans carry no credential id, and one secret under two ids.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="shared-credential",
    opens=Key.CREDENTIAL,
    title="Credential of {from_name} used for {to_name}",
    sentence="{who}, working for {to_name}, used credential {credential} of {from_name}{times}.",
    frameworks=(
        *("ASI03", "T9", "NHI9:2025", "NHI8:2025", "MAESTRO-v1:L4", "MAESTRO-v1:L6"),
        *("NIST-AI-RMF:MEASURE-2.8", "SOC2:CC6.1"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P2,
    covered_by=Cover.CREDENTIAL,
    grounds="the credential id on its spans",
)
