"""Data of one tenant was read, and then something was written to or sent to another.

Why: neither access need be wrong by itself; the way from one to the other is.

It is joined by fingerprints of identifiers within a session (P2 for one, P3 for two), or by causal
order within a trace (P1). A pair that cannot have exchanged data on what is recorded is dropped.

What it does not see: values that were paraphrased, cut or encoded; values held by more than eight
tenants or first read from a commons; a value that the receiver's own data had shown earlier; flows
over two sessions; parties outside all tenants without a fingerprint.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="flow",
    opens=Key.SESSION,
    title="Data of {from_name} went {to_where}",
    sentence="{who}, working for {session_name}, read {source_dataset} of {from_name} and then "
    "{acted} {target}{of_target}{times}{after}.",
    frameworks=(
        *("ASI02", "ASI06", "ASI08", "T2", "T12", "NHI8:2025", "MAESTRO-v1:L2", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MEASURE-2.10", "NIST-AI-RMF:MAP-5.1", "SOC2:CC6.7", "SOC2:C1.1"),
        "ISO42001:A.7.5",
    ),
    ceiling=Severity.CRITICAL,
    direct=None,
    covered_by=Cover.FLOW,
)
