"""A tool that names datasets or parties by the registry names none.

Why: what a call touched is proven by what it records. A tool that says nothing hides a crossing as
well as it hides none.

It is silent if no call of an identity with it, for one tenant, named a dataset or a party; one that
does so now and then is not told.

What it does not see: tools without a rule in the registry, tools that name what they like, and what
is missing of results.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_analyzer.rule import Broken, Rule

RULE: Final = Rule(
    id="silent-tool",
    opens=Key.IDENTITY,
    title="Tool {tool} does not say what it touches for {from_name}",
    sentence="{who} called {tool} for {from_name}, and it named no dataset and no party, as "
    "the registry says it should.",
    frameworks=(
        *("ASI04", "T8", "T17", "NHI3:2025", "MAESTRO-v1:L3", "MAESTRO-v1:L5"),
        *("NIST-AI-RMF:MEASURE-2.8", "NIST-AI-RMF:MANAGE-3.1", "SOC2:CC4.1"),
        *("SOC2:CC7.2", "ISO42001:A.6.2.8"),
    ),
    ceiling=Severity.LOW,
    direct=Proof.P2,
    broken=Broken("tool.silent", "The tool does not say what it touches", Verdict.INDETERMINATE),
    grounds="its calls and its rule in the registry",
)
