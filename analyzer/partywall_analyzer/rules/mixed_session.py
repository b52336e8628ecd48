"""One session carries calls of two tenants.

Why: what an agent remembers from the one is at hand when it works for the other. Nothing shows
that it used it, so the verdict stays open.

One finding a session, whatever the number of calls; with more than two tenants the other side is
`several`, and only the first tenant has a half of it. A grant of the other tenant to act as it
(`tenant/ID`) covers it.

What it does not see: one memory under two session ids, and sessions whose tenants meet in one
trace (that is `handoff`).
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Cover, Rule

RULE: Final = Rule(
    id="mixed-session",
    opens=Key.SESSION,
    title="A session of {from_name} went on for {to_name}",
    sentence="{who} worked for {from_name} and then, in the same session, for {to_name}{times}.",
    frameworks=(
        *("ASI03", "ASI06", "T1", "T3", "NHI9:2025", "MAESTRO-v1:L2", "MAESTRO-v1:L3"),
        *("NIST-AI-RMF:MEASURE-2.4", "NIST-AI-RMF:MEASURE-2.10", "SOC2:CC6.1", "SOC2:C1.1"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P0,
    covered_by=Cover.RUN,
    broken=Broken("session.mixed", "The session carries both tenants", Verdict.INDETERMINATE),
    grounds="the session that both share",
)
