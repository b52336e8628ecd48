"""The chain of those who act for one another does not lead to who acts.

Why: with a link missing nobody can say on whose power a call was made.

The chain (RFC 8693 `act`) begins with who acts. Where it begins with somebody else, or a link has
no name, it is broken.

What it does not see: calls without a chain or without an identity, and a chain that is whole and
made up. Only a signed session grant (A2) vouches for who acts.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="broken-delegation",
    opens=Key.SESSION,
    title="A delegation of {from_name} is broken",
    sentence="{who}, working for {from_name}, called {tool}{times}, and the chain of "
    "delegation does not lead there.",
    frameworks=(
        *("ASI03", "ASI07", "T3", "T12", "T16", "NHI5:2025", "MAESTRO-v1:L7", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MEASURE-2.8", "SOC2:CC6.3"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P2,
    broken=Broken("delegation.broken", "Its chain of delegation has a gap", Verdict.UNAUTHORISED),
    grounds="the chain of actors on its span",
)
