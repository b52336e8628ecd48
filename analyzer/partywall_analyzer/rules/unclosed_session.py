"""A session has not been closed, long after it began.

Why: a session that never ends keeps its credentials and its memory alive, and what is missing of it
can never be counted.

A session may last `PARTYWALL_SESSION_LIFE` seconds, by the times of its own spans. One that fell
silent is told once spans came that were loaded so much later than its first ones; it is looked for
once in 24 parts of that time (every hour, usually). A close that comes late withdraws the finding.

What it does not see: agents that do not number their spans (our SDK does), and a session that fell
silent in a store into which nothing comes any more.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="unclosed-session",
    opens=Key.SESSION,
    title="A session of {from_name} was never closed",
    sentence="A session of {from_name} ({session}), carried out by {by_whom}, began{times} and "
    "has not been closed.",
    frameworks=(
        *("ASI03", "T8", "MAESTRO-v1:L5", "NIST-AI-RMF:GOVERN-1.7", "NIST-AI-RMF:MEASURE-2.8"),
        *("SOC2:CC7.2", "ISO42001:A.6.2.8"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken("session.never_closed", "Nobody recorded that it ended", Verdict.INDETERMINATE),
    grounds="the numbered spans of the session, of which none closes it",
)
