"""Cedar policies of a wall between tenants, that several test files ask."""

from partywall.cedar import CedarPolicy
from partywall.policy import Request

RULES = """
@id("own-data")
permit(principal, action in [Action::"read", Action::"list"], resource)
when { resource in context.tenant };

@id("send-needs-approval")
forbid(principal, action == Action::"send", resource)
unless { context has approval };

@id("may-send")
permit(principal, action == Action::"send", resource);
"""
OWNERS = {"crm/acme/*": "acme", "crm/fjord/*": "fjord"}
CEDAR = CedarPolicy(RULES, owners=OWNERS)

READ = Request(tool="t", operation="read", dataset="crm/acme/x", tenant="acme", session="s", time=1)
