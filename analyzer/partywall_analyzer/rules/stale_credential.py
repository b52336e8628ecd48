"""A credential was used after it had expired or been revoked.

Why: taking a credential back ends nothing if what it opens does not ask. Only a call that succeeded
counts, as it shows that the credential still opened something.

What it does not see: calls whose spans carry no credential id, credentials that the registry does
not know or gives no end, and clocks that differ between the caller and the issuer. A credential
used for another tenant is `shared-credential`, which names its end too.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Rule

RULE: Final = Rule(
    id="stale-credential",
    opens=Key.CREDENTIAL,
    title="Credential of {from_name} used after its end",
    sentence="{who}, working for {to_name}, used credential {credential} after its end{times}.",
    frameworks=(
        *("ASI03", "T3", "T9", "NHI1:2025", "NHI4:2025", "MAESTRO-v1:L4", "MAESTRO-v1:L6"),
        *("NIST-AI-RMF:MANAGE-2.4", "SOC2:CC6.2"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P2,
    grounds="the credential id on its spans and the end on record",
)
