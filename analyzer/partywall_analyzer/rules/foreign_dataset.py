"""A call touches a dataset that another tenant owns.

Why: a tool that serves several tenants, or an agent with rights in more than one, can reach data
that its request has nothing to do with.

What it does not see: datasets that no pattern of the registry matches, datasets marked `shared`
or `commons`, calls that failed, and calls whose dataset is named neither by the span nor by a tool
rule.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="foreign-dataset",
    opens=Key.SESSION,
    title="{from_name} reached a dataset of {to_name}",
    sentence="{who}, working for {from_name}, {acted} {dataset}{times}. "
    "The dataset belongs to {to_name}.",
    frameworks=(
        *("ASI02", "ASI03", "T2", "T3", "NHI5:2025", "NHI8:2025", "MAESTRO-v1:L3"),
        *("MAESTRO-v1:L7", "NIST-AI-RMF:MEASURE-2.4", "NIST-AI-RMF:MANAGE-4.1"),
        *("SOC2:CC6.1", "SOC2:CC6.7"),
    ),
    ceiling=Severity.CRITICAL,
    direct=Proof.P2,
    covered_by=Cover.DATASET,
    grounds="the dataset that the call declares",
)
