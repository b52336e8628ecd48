"""The public keys of those who sign session grants: which kinds are good, with what algorithm."""

import re
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

_BLOCK: Final = re.compile(r"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----")


class BadKey(ValueError):
    """A public key of an issuer cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key with the one algorithm that it is good for."""

    key: Any
    algorithm: str


def public_keys(pem: str) -> tuple[PublicKey, ...]:
    """The keys of one or more PEM blocks; several are good at once while a key is replaced."""
    blocks = _BLOCK.findall(pem)
    if not blocks or _BLOCK.sub("", pem).strip():
        raise BadKey("expected `-----BEGIN PUBLIC KEY-----` blocks (PEM) and nothing else")
    return tuple(map(_public_key, blocks))


def _public_key(block: str) -> PublicKey:
    try:
        key = load_pem_public_key(block.encode())
    except Exception:  # the library promises no list of what it raises
        raise BadKey("the public key cannot be read") from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return PublicKey(key, "EdDSA")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PublicKey(key, "ES256")
    raise BadKey("the public key is neither P-256 nor Ed25519")


def new_key() -> tuple[str, str]:
    """A new Ed25519 key as PEM: the private half and the public one."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode().strip()
