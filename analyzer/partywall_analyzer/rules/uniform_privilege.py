"""One identity does the same for many tenants on standing power.

Why: delegated administration with the same rights everywhere makes one stolen identity a loss for
every customer.

Power is standing if a call cites no approval and uses no credential that the registry knows as one
for a single request. `PARTYWALL_UNIFORM_TENANTS` says for how many tenants an identity may do the
same (read, write, send, ...) on it. Both sides are `several`: the finding is the operator's, and no
tenant has a half of it. It lists the first call of each kind.

What it does not see: rights that are given and not used, and one person under several identities.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="uniform-privilege",
    opens=Key.IDENTITY,
    title="One identity has the same power over many tenants",
    sentence="{who} does the same for many tenants, without an approval or a credential for "
    "each request.",
    frameworks=(
        *("ASI03", "T3", "NHI5:2025", "MAESTRO-v1:L6", "NIST-AI-RMF:GOVERN-1.4", "SOC2:CC6.3"),
    ),
    ceiling=Severity.MEDIUM,
    direct=Proof.P2,
    broken=Broken(
        "privilege.uniform", "It has the same power over many tenants", Verdict.INDETERMINATE
    ),
    grounds="its calls for each of them",
)
