"""An identity makes calls for a tenant outside any session.

Why: without a session no call belongs to a request, and nobody can say what it was made for.

One finding for each identity and tenant; it lists the first call of each kind.

What it does not see: sessions that were opened and never used, and spans that name a session or a
request which nobody opened. Spans without a tenant are refused before they are stored.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="unbound-session",
    opens=Key.IDENTITY,
    title="Calls for {from_name} outside any session",
    sentence="{who} called {tool} for {from_name} outside any session.",
    frameworks=(
        *("ASI03", "T8", "T9", "NHI4:2025", "MAESTRO-v1:L5", "MAESTRO-v1:L6"),
        *("NIST-AI-RMF:MEASURE-2.8", "SOC2:CC6.1", "SOC2:CC7.2", "ISO42001:A.6.2.8"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "session.unbound", "The calls belong to no session and no request", Verdict.INDETERMINATE
    ),
    grounds="the spans, which name no session and no request",
)
