"""registry_auth: bearer tokens and certificates of the registry's principals."""

from partywall_collector.authenticators.sender import Sender
from partywall_collector.principals import Principal, Principals, of_certificate, of_token


class Registered:
    """Knows who is registered; a certificate counts only where no token is shown."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals

    def find(self, sender: Sender) -> Principal | None:
        """The principal of the token, else of the certificate."""
        if sender.bearer:
            return self._principals.find(of_token(sender.bearer))
        if sender.spiffe_id and not sender.authorization:
            return self._principals.find(of_certificate(sender.spiffe_id))
        return None
