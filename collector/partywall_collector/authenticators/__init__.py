"""Who sends a request: the chain of authenticators that an endpoint asks, in their order.

Each one says whose credential it is, or nothing if it is not for it, or refuses it. There is no
request without a principal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from partywall_collector.authenticators.fixed_token import FixedToken
from partywall_collector.authenticators.oidc import OidcIssuer
from partywall_collector.authenticators.registered import Registered
from partywall_collector.authenticators.sender import Sender
from partywall_collector.extensions import Authenticator, BearerTokenAuth, Oidc
from partywall_collector.principals import Principal, Principals, of_certificate
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.registry.model import ANY, GATEWAY

__all__ = ["Chain", "Sender", "chains"]


class Finder(Protocol):
    """One authenticator."""

    def find(self, sender: Sender) -> Principal | None:
        """The principal; None if the credential is another's; `Refused` if it is bad."""
        ...


def chains(
    extensions: Mapping[str, Authenticator], principals: Principals
) -> "Mapping[str, Finder]":
    """The running authenticators by the name of their extension."""
    return {name: _finder(name, item, principals) for name, item in extensions.items()}


def _finder(name: str, settings: Authenticator, principals: Principals) -> Finder:
    match settings:
        case Oidc():
            return OidcIssuer(settings, principals, f"extensions.{name}")
        case BearerTokenAuth():
            return FixedToken(settings, principals, f"extensions.{name}")
        case _:
            return Registered(principals)


@dataclass(frozen=True, slots=True)
class Chain:
    """The authenticators of one endpoint."""

    finders: Sequence[Finder]
    principals: Principals

    def admit(self, sender: Sender) -> Principal:
        """The principal with the tenants that this request may write for; raises `Refused`."""
        principal = self._find(sender)
        if not principal.tenants:
            raise Refused(
                Reason.FORBIDDEN, f"the principal {principal.id} may not write for any tenant"
            )
        return _narrowed(principal, sender.tenant) if sender.tenant else principal

    def _find(self, sender: Sender) -> Principal:
        for finder in self.finders:
            principal = finder.find(sender)
            if principal is not None:
                self._refuse_borrowed(principal, sender)
                return principal
        if sender.bearer:
            raise Refused(
                Reason.UNAUTHENTICATED,
                "the token is not known or no longer good; `partywall registry token` makes one",
            )
        if sender.spiffe_id:
            raise Refused(
                Reason.UNAUTHENTICATED,
                f"no principal has the certificate's {sender.spiffe_id};"
                " `partywall registry principal NAME --spiffe-id ID` admits it",
            )
        raise Refused(
            Reason.UNAUTHENTICATED, "send `Authorization: Bearer TOKEN` with every request"
        )

    def _refuse_borrowed(self, principal: Principal, sender: Sender) -> None:
        """A token that comes with the certificate of another principal was borrowed or stolen."""
        if not sender.spiffe_id:
            return
        holder = self.principals.find(of_certificate(sender.spiffe_id))
        if holder is not None and holder.id != principal.id:
            raise Refused(
                Reason.UNAUTHENTICATED,
                f"the token is that of {principal.id}, the certificate that of {holder.id}",
            )


def _narrowed(principal: Principal, tenant: str) -> Principal:
    """The principal for the one tenant that a gateway names; a name elsewhere is refused."""
    if GATEWAY not in principal.roles:
        raise Refused(
            Reason.FORBIDDEN,
            f"the principal {principal.id} is no gateway and may not send X-Scope-OrgID;"
            " `partywall registry principal NAME --role gateway` makes it one",
        )
    if principal.tenants != (ANY,) and tenant not in principal.tenants:
        raise Refused(
            Reason.FORBIDDEN,
            f"the gateway {principal.id} may not write for the tenant of X-Scope-OrgID",
        )
    return replace(principal, tenants=(tenant,), chosen=tenant)
