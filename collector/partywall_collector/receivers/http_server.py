"""An ASGI application on a socket, with or without TLS, in a thread of its own."""

import asyncio
import errno
import socket
import ssl
import threading
from functools import partial
from typing import Any, Final, cast

import h11
import uvicorn
from cryptography import x509
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from partywall_collector.component_values import Endpoint
from partywall_collector.config_document import ConfigError
from partywall_collector.tls import spiffe_id

PEER: Final = "spiffe_id"
"""The key of a request's `state` that holds the SPIFFE id of its sender's certificate."""

STOP_PATIENCE = 5
READ_TIMEOUT: Final = 60.0


class Http1(H11Protocol):
    """HTTP/1.1 that tells the application whose certificate the connection has.

    A request must be here whole `read_timeout` seconds after its first byte, the first one after
    the connection; else the connection is closed. uvicorn itself waits for ever.
    """

    def __init__(self, read_timeout: float, **rest: Any) -> None:
        super().__init__(**rest)
        self._read_timeout = read_timeout
        self._deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def _watch(self) -> None:
        """Let the clock run while the rest of a request is awaited."""
        state = self.conn.their_state
        between = state is h11.IDLE and self.timeout_keep_alive_task  # uvicorn's own clock runs
        awaited = state in (h11.IDLE, h11.SEND_BODY) and not between
        if self._deadline and not awaited:
            self._deadline.cancel()
            self._deadline = None
        elif awaited and not self._deadline and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self._read_timeout, self.transport.abort)

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        super().connection_made(transport)
        self._watch()
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        found = connection.getpeercert(binary_form=True) if connection else None
        if found:
            # Each request's scope begins with a copy of this.
            peer = spiffe_id(x509.load_der_x509_certificate(found)) or ""
            self.app_state = {**self.app_state, PEER: peer}


class HttpServer:
    """Serves from `start` to `stop`; `key` is the YAML key that names the endpoint."""

    def __init__(
        self,
        app: ASGIApp,
        endpoint: Endpoint,
        key: str,
        tls: ssl.SSLContext | None = None,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._socket = listen(endpoint, key)
        config = uvicorn.Config(
            app,
            http=cast("type[Http1]", partial(Http1, read_timeout)),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_PATIENCE,
        )
        config.load()
        config.ssl = tls
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name=f"partywall {key}", daemon=True
        )
        host, port = self._socket.getsockname()[:2]
        self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.url = f"{'https' if tls else 'http'}://{self.endpoint}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, finish those that run."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()


def listen(endpoint: Endpoint, key: str) -> socket.socket:
    """A listening socket, or an error that names the key."""
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(1024)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise cannot_listen(key, endpoint, error) from None
    return listening


def cannot_listen(key: str, endpoint: str, error: OSError | None = None) -> ConfigError:
    """The error for an endpoint that cannot be had."""
    if error is None or error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"{key}: {endpoint} is taken by another process; stop it, or choose another port"
        )
    return ConfigError(f"{key}: cannot listen on {endpoint}: {error.strerror}")
