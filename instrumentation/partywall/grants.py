"""Signed session grants: a compact JWT that says which tenant a session was opened for.

An issuer that is not the agent (a ticket system, a control plane) signs one for each session. The
agent carries it; the collector checks it against the issuer's public key and the transport it came
over (grade A2). To sign takes `pip install 'partywall[grants]'`; to carry takes nothing.
"""

import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from partywall import settings
from partywall.errors import GrantError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

AUDIENCE: Final = "partywall"
TYPE: Final = "partywall-grant+jwt"
"""The `typ` of the header: a token that was signed for something else is never a grant."""

LIFETIME: Final = 900
"""Seconds, where the issuer does not say."""

LONGEST: Final = 86_400
"""Seconds; a grant for longer than a day is no grant of one session."""

LONGEST_TOKEN: Final = 8192
LONGEST_TEXT: Final = 512
DEEPEST: Final = 16
"""Identities that act for one another."""

REQUIRED: Final = ("iss", "aud", "sub", "tenant", "session", "jti", "iat", "exp", "cnf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a grant says; only a collector knows whether it is true."""

    issuer: str
    principal: str
    """The transport's principal that alone may present it."""
    tenant: str
    session: str
    request: str = ""
    identity: str = ""
    """Who acts."""
    subject: str = ""
    """On whose behalf, where that is somebody else."""
    actors: tuple[str, ...] = ()
    """Who acts for whom, the current one first; without the subject."""
    id: str
    issued: int
    expires: int


def issue(
    private_key: str | bytes,
    *,
    issuer: str,
    principal: str,
    tenant: str,
    session: str,
    identity: str,
    request: str = "",
    subject: str = "",
    actors: Sequence[str] = (),
    lifetime: int = LIFETIME,
    issued: float | None = None,
) -> str:
    """Sign a grant for one session with the issuer's private key (PEM; P-256 or Ed25519).

    `principal` is the sender that may present it, `identity` who acts, `subject` on whose behalf,
    `actors` the identities that passed the task on before, the last one first. Call it where the
    key is, never inside an agent.
    """
    if not 0 < lifetime <= LONGEST:
        raise GrantError(f"lifetime={lifetime} is not between 1 and {LONGEST} seconds")
    if actors and not subject:
        raise GrantError("actors without a subject: say with subject=... for whom they act")
    now = int(time.time() if issued is None else issued)
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": subject or identity,
        "tenant": tenant,
        "session": session,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + lifetime,
        "cnf": {"principal": principal},
    }
    if request:
        claims["request"] = request
    if subject:
        claims["act"] = _nested((identity, *actors))
    grant_of(claims)  # what nobody could read is not signed
    return _signed(claims, private_key)


def read(token: str) -> Grant:
    """What the grant says, unchecked: the agent has no use for the issuer's key.

    Raises `GrantError` where it is no grant at all.
    """
    if len(token) > LONGEST_TOKEN:
        raise GrantError(f"longer than {LONGEST_TOKEN} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise GrantError("not a compact JWT: it needs two dots")
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise GrantError("its claims are not JSON") from None
    if not isinstance(claims, dict):
        raise GrantError("its claims are not a JSON object")
    return grant_of(cast("dict[str, Any]", claims))


def environment(token: str) -> dict[str, str]:
    """The variables that bind a process to the session of this grant."""
    grant = read(token)
    said = {
        settings.TENANT: grant.tenant,
        settings.SESSION: grant.session,
        settings.REQUEST: grant.request,
        settings.IDENTITY: grant.identity,
        settings.SUBJECT: grant.subject,
        settings.ACTORS: settings.joined(grant.actors),
    }
    return {setting.name: value for setting, value in said.items() if value}


def grant_of(claims: Mapping[str, Any]) -> Grant:
    """The grant that these claims make; `GrantError` names the claim that is missing or wrong."""
    missing = [name for name in REQUIRED if name not in claims]
    if missing:
        raise GrantError(f"the claim `{missing[0]}` is missing")
    if claims["aud"] != AUDIENCE:
        raise GrantError(f"the claim `aud` is not `{AUDIENCE}`")
    confirmation = claims["cnf"]
    if not isinstance(confirmation, dict):
        raise GrantError("the claim `cnf` is not an object")
    issued, expires = _second(claims, "iat"), _second(claims, "exp")
    if not issued < expires <= issued + LONGEST:
        raise GrantError(f"it is not good for between 1 and {LONGEST} seconds")
    subject = _text(claims, "sub")
    actors = _actors(claims.get("act"))
    return Grant(
        issuer=_text(claims, "iss"),
        principal=_text(cast("dict[str, Any]", confirmation), "principal"),
        tenant=_text(claims, "tenant"),
        session=_text(claims, "session"),
        request=_text(claims, "request") if "request" in claims else "",
        identity=actors[0] if actors else subject,
        subject=subject if actors else "",
        actors=actors,
        id=_text(claims, "jti"),
        issued=issued,
        expires=expires,
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.strip():
        raise GrantError(f"the claim `{name}` is not text, or empty")
    if len(value) > LONGEST_TEXT:
        raise GrantError(f"the claim `{name}` is longer than {LONGEST_TEXT} characters")
    if not value.isprintable():
        raise GrantError(f"the claim `{name}` holds a control character")
    return value


def _second(claims: Mapping[str, Any], name: str) -> int:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise GrantError(f"the claim `{name}` is not a whole number of seconds")
    return value


def _actors(act: object) -> tuple[str, ...]:
    found: list[str] = []
    while act is not None:
        if not isinstance(act, dict):
            raise GrantError("the claim `act` is not an object")
        if len(found) == DEEPEST:
            raise GrantError(f"the claim `act` is nested deeper than {DEEPEST}")
        actor = cast("dict[str, Any]", act)
        found.append(_text(actor, "sub"))
        act = actor.get("act")
    return tuple(found)


def _nested(actors: Sequence[str]) -> dict[str, Any]:
    act: dict[str, Any] = {}
    for actor in reversed(actors):
        act = {"sub": actor, "act": act} if act else {"sub": actor}
    return act


def _signed(claims: dict[str, Any], private_key: str | bytes) -> str:
    try:
        import jwt
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError as error:
        raise GrantError(
            f"signing needs {error.name}, which is not installed: pip install 'partywall[grants]'"
        ) from None
    raw = private_key.encode() if isinstance(private_key, str) else private_key
    try:
        key = load_pem_private_key(raw, None)
    except (ValueError, TypeError):
        raise GrantError("the private key is no PEM without a password") from None
    return jwt.encode(
        claims,
        cast("Any", key),
        algorithm=_algorithm(key),
        headers={"typ": TYPE},
    )


def _algorithm(key: "PrivateKeyTypes") -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    raise GrantError("the private key is neither P-256 nor Ed25519")
