"""A call was made at the end of a long chain of delegation.

Why: with each agent that hands on to the next, who asked for what is further away.

`PARTYWALL_DELEGATION_DEPTH` says how many may act for one another, who acts included.

What it does not see: agents that hand over without saying so, and chains longer than the 16 links
that our SDK records look as if they had 16.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="deep-delegation",
    opens=Key.SESSION,
    title="A long chain of delegation for {from_name}",
    sentence="{who}, working for {from_name}, called {tool}{times} at the end of a long "
    "chain of delegation.",
    frameworks=(
        *("ASI03", "ASI07", "T3", "T12", "T16", "NHI5:2025", "MAESTRO-v1:L7", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MEASURE-2.8", "SOC2:CC6.3"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "delegation.deep", "More act for one another than is allowed", Verdict.INDETERMINATE
    ),
    grounds="the chain of actors on its span",
)
