"""A session closed with a higher count of spans than came.

Why: a gap is where something happened that nobody can show. Our SDK numbers the spans of a session
and closes it with their count, so that a reader sees what is missing.

A session is looked at once the record of its close was loaded `PARTYWALL_SETTLE` seconds ago.

What it does not see: sessions that never closed or whose last spans are lost with the record of the
close, agents that do not number their spans, and a gap that is made up for by work which went on
after the close. Why spans are missing it cannot say: sampling and a lost connection look like a
cover-up.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="sequence-gap",
    opens=Key.SESSION,
    title="Spans of a session of {from_name} are missing",
    sentence="A session of {from_name} ({session}), carried out by {by_whom}, closed with a "
    "higher count of spans than came.",
    frameworks=(
        *("T8", "MAESTRO-v1:L5", "NIST-AI-RMF:MEASURE-2.8", "SOC2:CC4.1"),
        *("SOC2:CC7.2", "ISO42001:A.6.2.8"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken("sequence.gap", "Some of its spans are missing", Verdict.INDETERMINATE),
    grounds="the count with which the session closed",
)
