"""A call deletes something at night.

Why: this operator's agents delete only while somebody is at work to see it.

What it does not see: calls that failed, tools whose rule names no operation, and other time zones:
the night is that of UTC.
"""

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rules import Broken, Rule

RULE = Rule(
    id="night-delete",
    opens=Key.SESSION,
    title="An agent of {from_name} deleted at night",
    sentence="{who}, working for {from_name}, called {tool}{on_dataset}{times}.",
    frameworks=("ASI02", "T2"),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken("hours.closed", "Nobody was at work", Verdict.UNAUTHORISED),
    grounds="the time of the call",
)
