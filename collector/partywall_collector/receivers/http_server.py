"""An ASGI application on a socket, in a thread of its own."""

import errno
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from partywall_collector.components import Endpoint
from partywall_collector.config_document import ConfigError

STOP_PATIENCE = 5


class HttpServer:
    """Serves from `start` to `stop`; `key` is the YAML key that names the endpoint."""

    def __init__(self, app: ASGIApp, endpoint: Endpoint, key: str) -> None:
        self._socket = listen(endpoint, key)
        config = uvicorn.Config(
            app,
            http="h11",
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
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name=f"partywall {key}", daemon=True
        )
        host, port = self._socket.getsockname()[:2]
        self.endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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
