"""A step of a trace is bound to another tenant than the step that started it.

Why: an agent hands its work, and what it knows, to an agent of another tenant, or the tenant is
switched inside a run.

It is read off a span and its parent, or off one that begins a trace and the span that it links to.

What it does not see: a hand-off whose parent span is lost, one through a queue that starts a new
trace without a link, and a sub-agent that keeps the tenant of its parent while it works on the data
of another (that is `foreign-dataset`).
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="handoff",
    opens=Key.TRACE,
    title="A run of {from_name} went on as {to_name}",
    sentence="A run for {from_name} went on as {to_name}{times}, carried out by {by_whom}.",
    frameworks=(
        *("ASI03", "ASI07", "T3", "T12", "T16", "NHI5:2025", "MAESTRO-v1:L7"),
        *("NIST-AI-RMF:MEASURE-2.8", "SOC2:CC6.3"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P1,
    covered_by=Cover.RUN,
    grounds="what started the span",
)
