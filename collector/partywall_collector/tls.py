"""The certificates of an endpoint: checked at the start, read again when their files change."""

import logging
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography import x509

from partywall_collector.config_document import ConfigError
from partywall_collector.endpoints import Tls

log = logging.getLogger("partywall.tls")
SPIFFE: Final = "spiffe://"
FILES: Final = ("cert_file", "key_file", "client_ca_file")


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext
    stamp: tuple[object, ...]


class Certificates:
    """The files of one `tls` section; `key` is its YAML key. Thread-safe.

    Raises `ConfigError` with the key and the file. A file that breaks later is logged, and the last
    good certificate stays.
    """

    def __init__(self, settings: Tls, key: str) -> None:
        self._settings = settings
        self._key = key
        self._lock = threading.Lock()
        self._looked_at = time.monotonic()
        self._loaded = self._load()

    def for_http(self) -> ssl.SSLContext:
        """A context whose connections take the newest certificate."""
        context = self._load().context

        def newest(connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
            connection.context = self._newest().context

        context.sni_callback = newest
        return context

    def for_grpc(self) -> grpc.ServerCredentials:
        """Credentials whose connections take the newest certificate."""
        if self._settings.min_version != "1.2":
            raise ConfigError(
                f"{self._key}.min_version: gRPC takes TLS 1.2 and newer, which cannot be narrowed"
                " here; leave the key out, or serve `http` alone"
            )
        served = self._loaded

        def newest() -> Any:  # the stubs do not know that None keeps the last one
            nonlocal served
            loaded = self._newest()
            if loaded is served:
                return None
            served = loaded
            return _configuration(loaded)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(served), newest, bool(self._settings.client_ca_file)
        )

    def _newest(self) -> _Loaded:
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at < self._settings.reload_interval:
                return self._loaded
            self._looked_at = now
            try:
                if self._stamp() != self._loaded.stamp:
                    self._loaded = self._load()
                    log.info("%s: the certificate is read again", self._key)
            except ConfigError as error:
                log.error("%s; the last good certificate stays", error)
            return self._loaded

    def _load(self) -> _Loaded:
        settings, stamp = self._settings, self._stamp()
        certificate, key, client_ca = (self._read(name) for name in FILES)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = (
            ssl.TLSVersion.TLSv1_3 if settings.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
        )
        context.options |= ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except (ssl.SSLError, OSError, ValueError):
            raise ConfigError(
                f"{self._key}.key_file: {settings.key_file} is no private key (PEM, without a"
                f" password) of the certificate in cert_file, {settings.cert_file}"
            ) from None
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(cadata=client_ca.decode("ascii"))
            except (ssl.SSLError, ValueError):
                raise ConfigError(
                    f"{self._key}.client_ca_file: {settings.client_ca_file} holds no certificate"
                    " (PEM)"
                ) from None
        return _Loaded(certificate, key, client_ca or None, context, stamp)

    def _read(self, name: str) -> bytes:
        path = getattr(self._settings, name)
        if not path and name == "client_ca_file":
            return b""
        if not path:
            raise ConfigError(f"{self._key}.{name} is missing; `tls` needs cert_file and key_file")
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{self._key}.{name}: {path} cannot be read: {error.strerror}"
            ) from None

    def _stamp(self) -> tuple[object, ...]:
        """What changes when a file does."""
        return tuple(_stamp_of(getattr(self._settings, name)) for name in FILES)


def _stamp_of(path: str) -> object:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _configuration(loaded: _Loaded) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(loaded.key, loaded.certificate)], loaded.client_ca
    )


def spiffe_id(certificate: x509.Certificate) -> str | None:
    """The SPIFFE id of a certificate: its one URI name. With several it is no X.509-SVID."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return None
    uris: Sequence[str] = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if len(uris) == 1 and uris[0].startswith(SPIFFE) else None
