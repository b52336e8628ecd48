"""A call sends to, or fetches from, a party that is not the tenant's.

Why: an instruction hidden in a document or a message makes an agent pay, invite, mail or post to
somebody else. The question that decides is who introduced the party.

What it does not see: a party that the tenant's registry lists as its own or as standing, a party
that the request names, calls that failed, and tools whose rule names no party argument.
"""

from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity
from partywall_analyzer.rule import Cover, Rule

RULE: Final = Rule(
    id="foreign-party",
    opens=Key.SESSION,
    title="{from_name} reached {party}, {of_whom}",
    sentence="{who}, working for {from_name}, {acted} {party}, {of_whom},{times}. "
    "The registry does not list it for {from_name}, and the request does not name it.",
    frameworks=(
        *("ASI01", "ASI02", "T2", "T6", "NHI5:2025", "MAESTRO-v1:L3", "MAESTRO-v1:L7"),
        *("NIST-AI-RMF:MEASURE-2.4", "NIST-AI-RMF:MANAGE-4.1", "SOC2:CC6.6", "SOC2:CC6.7"),
    ),
    ceiling=Severity.CRITICAL,
    direct=Proof.P2,
    covered_by=Cover.PARTY,
    grounds="the party that the call names",
)
