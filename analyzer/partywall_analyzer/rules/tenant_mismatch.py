"""A call on a tenant's own data was answered with data of another tenant.

Why: a server that serves several tenants can mix up its answers; the claim of the call is right,
and the data is not.

It is shown by fingerprints: more than half of the identifiers in the answer, or two and at least a
third, had come from another tenant's data before, out of the same server, and this tenant had never
held them.

What it does not see: answers without identifiers, calls without a server name, and values held by
more than eight tenants. Whoever was first given a value is taken for its owner, so a mix-up before
the owner's own first read is told the wrong way round. What two tenants both keep, such as the
address of one supplier, looks the same if an answer holds nothing else.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="tenant-mismatch",
    opens=Key.SESSION,
    title="{from_name} was given data of {to_name}",
    sentence="{who}, working for {from_name}, {acted} {dataset}{times}. "
    "The answer holds what was known from {source_dataset} of {to_name}.",
    frameworks=(
        *("ASI03", "ASI07", "T3", "T9", "T16", "NHI4:2025", "MAESTRO-v1:L3", "MAESTRO-v1:L6"),
        *("NIST-AI-RMF:MEASURE-2.7", "SOC2:CC6.1", "SOC2:CC6.6"),
    ),
    ceiling=Severity.HIGH,
    direct=Proof.P2,
    covered_by=Cover.ANSWER,
    grounds="identifiers that the same server had given out before",
)
