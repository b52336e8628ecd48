"""oidc: JSON Web Tokens of one OpenID Connect issuer."""

import threading
import time
from collections import OrderedDict
from hashlib import sha256
from typing import Any, Final

import jwt

from partywall_collector.authenticators.jwks import CannotFetch, Jwks
from partywall_collector.authenticators.sender import Sender
from partywall_collector.extensions import Oidc
from partywall_collector.principals import Principal, Principals, of_jwt
from partywall_collector.receivers.refusals import Reason, Refused

LONGEST_TOKEN: Final = 16 << 10
KEPT: Final = 10_000
"""Checked tokens that are remembered; the oldest go first."""
TYPES: Final = ("", "jwt", "at+jwt", "application/at+jwt", "jose")
"""`typ` of an access token; another kind of JWT of the same issuer, such as a grant, is none."""
WHY: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not good yet"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.MissingRequiredClaimError, "a claim is missing"),
    (jwt.InvalidAlgorithmError, "it is signed in a way that is not taken"),
    (jwt.InvalidSignatureError, "its signature is not that of the issuer"),
)


class OidcIssuer:
    """Knows principals by the subject that one issuer gives them. Thread-safe."""

    def __init__(self, settings: Oidc, principals: Principals, key: str) -> None:
        self._settings = settings
        self._principals = principals
        self._keys = Jwks(settings.issuer_url, settings.issuer_ca_path, settings.refresh_interval)
        self._lock = threading.Lock()
        self._checked: OrderedDict[bytes, tuple[str, float, int]] = OrderedDict()

    def find(self, sender: Sender) -> Principal | None:
        """The principal of a token of this issuer; `Refused` for a bad one."""
        token = sender.bearer
        if token.count(".") != 2 or _claimed_issuer(token) != self._settings.issuer_url:
            return None
        try:
            subject = self._subject(token)
        except CannotFetch as error:
            raise Refused(Reason.UNAVAILABLE, f"the token cannot be checked now: {error}") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
            why = next((text for kind, text in WHY if isinstance(error, kind)), "it is broken")
            raise Refused(Reason.UNAUTHENTICATED, f"the token is not good: {why}") from None
        principal = self._principals.find(of_jwt(self._settings.issuer_url, subject))
        if principal is None:
            raise Refused(
                Reason.FORBIDDEN,
                f"the token is good, but no principal is its subject {subject[:200]!r};"
                " `partywall registry principal NAME --jwt ISSUER SUBJECT` admits it",
            )
        return principal

    def _subject(self, token: str) -> str:
        """The subject of a good token: the signature is checked once, the time each time."""
        self._keys.keep_fresh()
        digest = sha256(token.encode("utf-8", "surrogateescape")).digest()
        with self._lock:
            subject, expires, generation = self._checked.get(digest, ("", 0.0, -1))
        if generation == self._keys.generation and time.time() < expires + self._settings.leeway:
            return subject
        claims = self._claims(token)
        subject = claims[self._settings.username_claim]
        if not isinstance(subject, str) or not subject:
            raise ValueError("the claim that names the sender is no text")
        with self._lock:
            self._checked[digest] = subject, float(claims["exp"]), self._keys.generation
            if len(self._checked) > KEPT:
                self._checked.popitem(last=False)
        return subject

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() not in TYPES:
            raise ValueError("not an access token")
        key = self._keys.find(str(header.get("kid", "")))
        if key is None:
            raise jwt.InvalidSignatureError
        return jwt.decode(
            token,
            key.key,
            algorithms=list(key.algorithms),
            audience=self._settings.audience,
            issuer=self._settings.issuer_url,
            leeway=self._settings.leeway,
            options={"require": ["exp", "iss", "aud", self._settings.username_claim]},
        )


def _claimed_issuer(token: str) -> object:
    """Who the token says has signed it; only to choose who checks that."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
        return None
