"""bearertokenauth: a fixed token, from the configuration or a file, of one principal."""

import hmac
import logging
from hashlib import sha256
from pathlib import Path

from partywall_collector.authenticators.sender import Sender
from partywall_collector.config_document import ConfigError
from partywall_collector.extensions import BearerTokenAuth
from partywall_collector.principals import Principal, Principals, of_name
from partywall_collector.receivers.refusals import Reason, Refused

log = logging.getLogger("partywall.authenticators")
LARGEST_FILE = 1 << 20


class FixedToken:
    """Knows one principal by one token, or by each line of a file. `key` is its YAML key."""

    def __init__(self, settings: BearerTokenAuth, principals: Principals, key: str) -> None:
        self._settings = settings
        self._principals = principals
        self._key = key
        self._stamp: object = None
        self._digests: tuple[bytes, ...] = ()
        if settings.filename:
            self._read()
        else:
            self._digests = (self._digest(settings.token),)

    def find(self, sender: Sender) -> Principal | None:
        """The principal, if the header is the one that is expected of it."""
        if not sender.authorization:
            return None
        if self._settings.filename:
            self._read_again()
        scheme, _, token = sender.authorization.partition(" ")
        shown = self._digest(token.strip())
        same = [hmac.compare_digest(shown, digest) for digest in self._digests]
        if scheme.lower() != self._settings.scheme.lower() or not any(same):
            return None
        principal = self._principals.find(of_name(self._settings.principal))
        if principal is None:
            raise Refused(
                Reason.FORBIDDEN,
                f"the registry has no principal {self._settings.principal};"
                " `partywall registry principal NAME --tenant ID` adds it",
            )
        return principal

    @staticmethod
    def _digest(token: str) -> bytes:
        return sha256(token.encode("utf-8", "surrogateescape")).digest()

    def _read_again(self) -> None:
        try:
            self._read()
        except ConfigError as error:
            log.error("%s; the last tokens stay", error)

    def _read(self) -> None:
        path = Path(self._settings.filename)
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                text = file.read(LARGEST_FILE)
        except OSError as error:
            raise ConfigError(
                f"{self._key}.filename: {path} cannot be read: {error.strerror}"
            ) from None
        tokens = [line.strip() for line in text.splitlines() if line.strip()]
        if not tokens:
            raise ConfigError(f"{self._key}.filename: {path} holds no token")
        self._digests, self._stamp = tuple(map(self._digest, tokens)), stamp
