"""A value of one tenant's data came to be held by more than eight others.

Why: a value that many hold proves nothing about any two of them, so other rules leave it out. That
must not hide one that is sprayed over many.

Its origin is the first read that gave it out, from data of the tenant. A tenant that has read it
from its own data or a commons is no holder: what many keep for themselves is a common thing. One
finding a value; the other side is `several`, and it lists the first call of each holder. A grant of
the origin's tenant to everybody (`*`) covers it.

What it does not see: how the value came to each of them; values whose first read is not recorded;
common things that tenants type in and keep in no dataset that the registry knows look the same.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Cover, Rule

RULE: Final = Rule(
    id="widespread-value",
    opens=Key.VALUE,
    title="A value of {from_name} is held by many tenants",
    sentence="A value that was read from {source_dataset} of {from_name} came to be held by "
    "more than eight other tenants, who never read it from data of their "
    "own{after}.",
    frameworks=(
        *("ASI02", "ASI06", "ASI08", "T2", "T12", "NHI8:2025", "MAESTRO-v1:L2", "MAESTRO-v1:X"),
        *("NIST-AI-RMF:MEASURE-2.10", "NIST-AI-RMF:MAP-5.1", "SOC2:CC6.7"),
        *("SOC2:C1.1", "ISO42001:A.7.5"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    covered_by=Cover.FLOW,
    broken=Broken(
        "value.widespread", "It is not known how the others came to it", Verdict.INDETERMINATE
    ),
    grounds="one identifier that all of them hold",
)
