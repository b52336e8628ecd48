"""Who is looking, and at which tenants. Without a login: the operator, on this machine alone."""

import os
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from partywall_analyzer.findings import Scope

TENANTS: Final = "PARTYWALL_DASHBOARD_TENANTS"
"""Set by `partywall dashboard --tenant`: the tenants to show, comma separated; all if unset."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody in front of a page."""

    name: str
    scope: Scope

    @property
    def sees(self) -> str:
        """The scope in words."""
        tenants = self.scope.tenants
        if tenants is None:
            return "all tenants"
        return ", ".join(tenants) or "no tenant"


def viewer() -> Viewer:
    """The local operator, limited to the tenants that the server was started with."""
    named = os.environ.get(TENANTS)
    if named is None:
        return Viewer("local operator", Scope(None))
    tenants = sorted({tenant.strip() for tenant in named.split(",") if tenant.strip()})
    return Viewer("local operator", Scope(tuple(tenants)))


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches the address; a name that could be another's is not."""
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
