"""Target `webhook`: any address, with a body that is signed as Standard Webhooks says."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from partywall_analyzer.alerts.alert import Alert
from partywall_analyzer.alerts.http import Request, post
from partywall_collector.component_values import Duration, Secret, about

PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts JSON with `webhook-id`, `webhook-timestamp` and `webhook-signature`."""

    url: str = field(default="", metadata=about("Where it goes."))
    secret: Secret = field(
        default=Secret(""),
        metadata=about("The key of the signature: `whsec_` and base64 of 24 to 64 bytes."),
    )
    timeout: Duration = field(
        default=Duration(10.0), metadata=about("How long one attempt may take.")
    )
    needs: ClassVar[Sequence[str]] = ("url", "secret")
    resolves: ClassVar[bool] = True

    def send(self, alert: Alert) -> None:
        """Post it; the id is the same at each attempt, the time and the signature are not."""
        post(signed(self.url, self.secret, alert.id, alert.to_dict(), self.timeout))

    def problem(self) -> str:
        """Why the secret is none; empty if it is one."""
        return key_problem(self.secret)


def signed(url: str, secret: str, name: str, said: dict[str, Any], timeout: float) -> Request:
    """A request that whoever has the secret can check.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    body = json.dumps(said).encode()
    at = str(int(time.time()))
    headers = {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": at,
        "webhook-signature": signature(secret, name, at, body),
    }
    return Request(url, body, headers, timeout)


def signature(secret: str, name: str, at: str, body: bytes) -> str:
    """`v1,` and base64 of HMAC-SHA256 over id, time and body."""
    mac = hmac.new(_key(secret), f"{name}.{at}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def key_problem(secret: str) -> str:
    """Why a secret is none; empty if it is one."""
    try:
        key = _key(secret)
    except (binascii.Error, ValueError):
        return f"must be {PREFIX} and base64"
    return "" if 24 <= len(key) <= 64 else "must hold 24 to 64 bytes"


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise ValueError(secret[:0])
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
