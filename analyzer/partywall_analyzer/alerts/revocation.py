"""Target `revocation`: asks the issuer of a credential to revoke it, as RFC 7009 says."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import quote_plus, urlencode

from partywall_analyzer.alerts.alert import Alert
from partywall_analyzer.alerts.http import Request, post
from partywall_collector.component_values import Duration, Secret, about


@dataclass(frozen=True, slots=True)
class Revocation:
    """Posts the credential's id as the `token`: the secret itself is never recorded."""

    url: str = field(default="", metadata=about("The issuer's revocation endpoint."))
    client_id: str = field(default="", metadata=about("Who asks, for HTTP Basic."))
    client_secret: Secret = field(default=Secret(""), metadata=about("Its secret."))
    token_type_hint: str = field(
        default="", metadata=about("Sent along where the issuer needs one, as `access_token`.")
    )
    timeout: Duration = field(
        default=Duration(10.0), metadata=about("How long one attempt may take.")
    )
    needs: ClassVar[Sequence[str]] = ("url",)
    resolves: ClassVar[bool] = False

    def send(self, alert: Alert) -> None:
        """Ask; an issuer that knows no such token says that it is done, by RFC 7009 section 2.2."""
        form = {"token": alert.subject}
        if self.token_type_hint:
            form["token_type_hint"] = self.token_type_hint
        headers = {"content-type": "application/x-www-form-urlencoded", "idempotency-key": alert.id}
        if self.client_id:
            # RFC 6749 section 2.3.1 encodes both before HTTP Basic does.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        post(Request(self.url, urlencode(form).encode(), headers, self.timeout))
