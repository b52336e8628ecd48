"""A value that was planted in the data of one tenant is seen in a call for another.

Why: a canary is nowhere else, so whoever holds it has had the data that it lies in. No other proof
is as good: one value suffices, however many hold it.

Canaries are registered by the operator (`canaries` in docs/registry.md) and known by their
fingerprints alone. A call that failed counts too: it held the value. A grant for the dataset that
it is planted in, or that it was first read from, covers it. The path from the call that first gave
it out is drawn where there is one.

What it does not see: a value that was changed or encoded, calls without fingerprints, calls under
a fingerprint key that was made after the canary was registered, and what its own tenant sends to
parties outside.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="canary",
    opens=Key.SESSION,
    title="A canary of {from_name} was seen in a call for {to_name}",
    sentence="{who}, working for {to_name}, held a value that is planted in data of {from_name}, "
    'canary "{canary}"{times}.',
    frameworks=(
        *("ASI02", "ASI06", "T2", "T12", "NHI8:2025", "MAESTRO-v1:L2", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MEASURE-2.10", "NIST-AI-RMF:MAP-5.1", "SOC2:CC6.7", "SOC2:C1.1"),
        "ISO42001:A.7.5",
    ),
    ceiling=Severity.CRITICAL,
    direct=Proof.P4,
    covered_by=Cover.FLOW,
    grounds="a value that was planted in one place",
    traced=True,
)
