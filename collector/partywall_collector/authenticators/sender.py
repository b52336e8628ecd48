"""What a request shows of its sender."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sender:
    """Headers as they came; the certificate is already checked by TLS."""

    authorization: str = ""
    spiffe_id: str = ""
    tenant: str = ""
    """The header `X-Scope-OrgID`."""

    @property
    def bearer(self) -> str:
        """The token of `Authorization: Bearer TOKEN`; empty without one."""
        scheme, _, token = self.authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
