"""A credential that was issued for one workload is used by another.

Why: who hands work on must not hand on their own power with it. The one who takes over gets a
credential of their own, for what they have to do.

What it does not see: credentials of which the registry does not say for which workload they are,
calls without an identity, and scopes: a credential of one's own may still be too wide.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="widened-delegation",
    opens=Key.SESSION,
    title="A workload of {from_name} used the credential of another",
    sentence="{who}, working for {from_name}, used credential {credential}{times}, which was "
    "issued for another workload.",
    frameworks=(
        *("ASI03", "T3", "T9", "NHI5:2025", "NHI9:2025", "MAESTRO-v1:L4", "MAESTRO-v1:L7"),
        *("NIST-AI-RMF:MEASURE-2.8", "SOC2:CC6.1", "SOC2:CC6.3"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P2,
    broken=Broken(
        "delegation.widened", "The credential was issued for another workload", Verdict.UNAUTHORISED
    ),
    grounds="the credential id and the identity on its spans",
)
