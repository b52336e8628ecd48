"""The public keys of an OpenID Connect issuer, fetched, kept, and fetched again."""

import json
import logging
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final, cast
from urllib.parse import urlsplit

import jwt

log = logging.getLogger("partywall.authenticators")
DISCOVERY: Final = "/.well-known/openid-configuration"
LARGEST: Final = 256 << 10
"""Bytes of a fetched document."""
MOST_KEYS: Final = 64
PATIENCE: Final = 5.0
SHORTEST_PAUSE: Final = 10.0
"""Seconds between two fetches: tokens with invented key ids must not become load."""

ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
"""Kind of key -> what it may sign with. Whatever is not here is not taken."""


class CannotFetch(Exception):
    """The issuer's keys cannot be had now; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the algorithms that it is good for."""

    key: Any
    algorithms: tuple[str, ...]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """An issuer that sends elsewhere is not followed."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Jwks:
    """The keys of one issuer by their id. Thread-safe."""

    def __init__(self, issuer: str, ca_file: str, refresh_interval: float) -> None:
        self._issuer = issuer
        self._interval = refresh_interval
        context = ssl.create_default_context(cafile=ca_file or None)
        self._open = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), NoRedirect()
        ).open
        self._keys: Mapping[str, Key] | None = None
        self._tried_at = self._fetched_at = float("-inf")
        self._fetching = threading.Lock()
        self.generation = 0
        """Rises when the keys change: what an earlier key made good must be looked at again."""

    def find(self, kid: str) -> Key | None:
        """The key; None if the issuer has no such key. `CannotFetch` while nobody can say."""
        began = time.monotonic()
        self.keep_fresh()
        if (self._keys or {}).get(kid) is None:
            with self._fetching:
                if self._fetched_at < began and not self._refresh(SHORTEST_PAUSE):
                    # The key may be new. Soon it can be asked for; a refusal would lose the spans.
                    raise CannotFetch(f"the key {kid[:80]!r} is not known yet")
        return (self._keys or {}).get(kid)

    def keep_fresh(self) -> None:
        """Fetch keys that are old again: one request does it, the others go on with those."""
        if self._keys and self._age() > self._interval and self._fetching.acquire(blocking=False):
            try:
                self._refresh(self._interval)
            finally:
                self._fetching.release()

    def _age(self) -> float:
        return time.monotonic() - self._tried_at

    def _refresh(self, pause: float) -> bool:
        """Fetch unless that was tried within the pause; whether the keys are new now."""
        if self._age() < pause:
            return False
        self._tried_at = began = time.monotonic()
        try:
            keys = dict(self._fetch())
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            log.warning("the keys of %s cannot be fetched: %s", self._issuer, error)
            if not self._keys:
                raise CannotFetch(f"the keys of {self._issuer} cannot be fetched now") from None
            return False
        if keys != self._keys:
            self.generation += 1
        self._keys, self._fetched_at = keys, began
        return True

    def _fetch(self) -> Iterator[tuple[str, Key]]:
        found = self._get(self._issuer.rstrip("/") + DISCOVERY)
        if found.get("issuer") != self._issuer:
            raise ValueError("its configuration names another issuer")
        place = found.get("jwks_uri")
        if not isinstance(place, str) or not is_safe(place):
            raise ValueError("its configuration names no https jwks_uri")
        listed = self._get(place).get("keys")
        if not isinstance(listed, list):
            raise ValueError("its key set has no `keys`")
        for item in cast("list[Any]", listed)[:MOST_KEYS]:
            if isinstance(item, dict) and (key := _key(cast("dict[str, Any]", item))):
                yield str(cast("dict[str, Any]", item).get("kid", "")), key

    def _get(self, url: str) -> dict[str, Any]:
        try:
            with self._open(url, timeout=PATIENCE) as answer:
                body = answer.read(LARGEST + 1)
        except urllib.error.HTTPError as error:
            error.close()
            raise ValueError(f"{url} answers {error.code}") from None
        if len(body) > LARGEST:
            raise ValueError(f"{url} is larger than {LARGEST} bytes")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError(f"{url} is no JSON object")
        return cast("dict[str, Any]", found)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is fetched: https, or this machine."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))


def _key(jwk: dict[str, Any]) -> Key | None:
    """A key for signatures; anything else in the set is passed over."""
    kind = jwk.get("kty") if jwk.get("kty") == "RSA" else jwk.get("crv")
    algorithms = ALGORITHMS.get(str(kind), ())
    if jwk.get("kty") not in ("RSA", "EC", "OKP") or jwk.get("use", "sig") != "sig":
        return None
    if named := jwk.get("alg"):
        algorithms = (named,) if named in algorithms else ()
    if not algorithms:
        return None
    try:
        return Key(jwt.PyJWK(jwk, algorithms[0]).key, algorithms)
    except Exception as error:  # the library promises no list of what it raises
        log.warning("a key of the issuer cannot be read: %s", type(error).__name__)
        return None
