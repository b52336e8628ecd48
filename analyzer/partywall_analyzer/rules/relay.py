"""Data of one tenant was put into a shared dataset, and another session took it on from there.

Why: each session keeps to its own tenant and a place that both may use; no single one of them shows
that the data of the one went to the other.

It is joined by fingerprints of identifiers: first read from one tenant's data, written to a dataset
by another session, first seen in this session when it was read from there, then written or sent. A
grant of the first tenant for what was read covers it.

What it does not see: a value that the later session only reads; one that its request named or that
its tenant had known before; what went over a commons, or over a dataset that no span and no tool
rule names; values held by more than eight tenants; values that were paraphrased, cut or encoded.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="relay",
    opens=Key.SESSION,
    title="Data of {from_name} reached {to_name} over another session",
    sentence="{who}, working for {session_name}, called {tool}{on_dataset} with what another "
    "session had read from {source_dataset} of {from_name}{times}{after}.",
    frameworks=(
        *("ASI06", "ASI07", "ASI08", "T1", "T12", "NHI8:2025", "MAESTRO-v1:L2", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MEASURE-2.10", "NIST-AI-RMF:MAP-5.1", "SOC2:CC6.7", "SOC2:C1.1"),
        "ISO42001:A.7.5",
    ),
    ceiling=Severity.CRITICAL,
    direct=None,
    covered_by=Cover.FLOW,
)
