"""OTLP/gRPC: Export of the trace and the logs service, and the health service."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn, TypeAlias

import grpc
from cryptography import x509
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from partywall_collector.authenticators import Chain, Sender
from partywall_collector.endpoints import Grpc
from partywall_collector.receivers.arrivals import Arrivals
from partywall_collector.receivers.encodings import GZIP, gunzip
from partywall_collector.receivers.http_server import cannot_listen
from partywall_collector.receivers.intake import Intake, Intakes
from partywall_collector.receivers.refusals import Reason, Refused, retry_info
from partywall_collector.tls import Certificates, spiffe_id

log = logging.getLogger("partywall.receiver")
SERVICES: Final = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
THREADS = 16
WAITING = 256
"""Calls that may wait for a thread. Their bodies are not read yet; HTTP/2 windows bound them."""
PATIENCE, HURRY = 60.0, 5.0
"""Seconds in which a message must arrive: with threads to spare, and while calls wait for one."""
STOP_PATIENCE = 5
CODES = {code.value[0]: code for code in grpc.StatusCode}
IDENTITY_AND_GZIP: Final = 0b101

LONGEST: Final = 2**31 - 1
"""Milliseconds; for gRPC that is without end."""
SENDER_HEADERS: Final = ("authorization", "x-scope-orgid")

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Behaviour = Callable[[Iterator[bytes], grpc.ServicerContext], bytes]


class GrpcReceiver:
    """Serves from `start` to `stop`; `key` is the YAML key of the protocol."""

    def __init__(self, intakes: Intakes, auth: Chain, settings: Grpc, key: str) -> None:
        self._intakes = intakes
        self._auth = auth
        self._limit = settings.max_recv_msg_size_mib << 20
        self._health = health.HealthServicer()
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="partywall-grpc")
        self._server = grpc.server(threads, options=_options(settings))
        methods = {
            f"/{SERVICES[signal]}/Export": self._export(intake)
            for signal, intake in intakes.by_signal.items()
        }
        waiting = _Waiting(methods, self._busy)
        self._server.add_generic_rpc_handlers((waiting,))
        self._arrivals = Arrivals(PATIENCE, HURRY, waiting.is_crowded)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)  # pyright: ignore[reportUnknownMemberType] - generated without types
        try:
            if settings.tls:
                credentials = Certificates(settings.tls, f"{key}.tls").for_grpc()
                port = self._server.add_secure_port(settings.endpoint, credentials)
            else:
                port = self._server.add_insecure_port(settings.endpoint)
        except RuntimeError:
            raise cannot_listen(f"{key}.endpoint", settings.endpoint) from None
        self.endpoint = f"{settings.endpoint.rpartition(':')[0]}:{port}"

    def start(self) -> None:
        for service in ("", *(SERVICES[signal] for signal in self._intakes.by_signal)):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        self._server.start()

    def stop(self) -> None:
        """Take no more requests, finish those that run."""
        self._health.enter_graceful_shutdown()
        self._server.stop(STOP_PATIENCE).wait()
        self._arrivals.stop()

    def _export(self, intake: Intake) -> Behaviour:
        """Export of one signal: the serialised response once the request is taken."""
        return lambda bodies, context: self._answer(intake, bodies, context)

    def _answer(
        self, intake: Intake, bodies: Iterator[bytes], context: grpc.ServicerContext
    ) -> bytes:
        try:
            # The sender is checked before its message is read.
            principal = self._auth.admit(_sender(context))
            intake.admit(principal)
            with self._intakes.room.lease() as lease:
                raw = self._message(bodies, context)
                lease.grow(len(raw))
                if raw.startswith(GZIP):
                    opened = gunzip(raw, self._limit)
                    lease.grow(max(0, len(opened) - len(raw)))
                    raw = opened
                return intake.take(principal, raw).SerializeToString()
        except Refused as error:
            refused = error
        except Exception:
            log.exception("a request failed")
            refused = Refused(Reason.UNAVAILABLE, "the collector failed")
        self._refuse(refused, context)

    def _message(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        try:
            with self._arrivals.awaited(context):
                raw = next(bodies, None)
        except grpc.RpcError:
            raise Refused(Reason.INVALID, "the sender went away, or was too slow") from None
        if raw is None:
            raise Refused(Reason.INVALID, "the call brings no message")
        return raw

    def _busy(self, bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        self._refuse(Refused(Reason.FULL, "too many calls wait; come back"), context)

    def _refuse(self, refused: Refused, context: grpc.ServicerContext) -> NoReturn:
        self._intakes.counters.refuse(refused.reason.word)
        trailers = [("grpc-status-details-bin", refused.status().SerializeToString())]
        if refused.reason.retryable:
            # The Python exporters read the pause only here.
            trailers.append(("google.rpc.retryinfo-bin", retry_info().SerializeToString()))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(CODES[refused.reason.code], str(refused))


class _Waiting(grpc.GenericRpcHandler):
    """Hands calls to the threads while not too many wait; the others are told to come back.

    A call is a stream for grpc, so that its message is read by us and not before.
    """

    def __init__(self, methods: Mapping[str, Behaviour], busy: Behaviour) -> None:
        self._methods = methods
        self._running = 0
        self._lock = threading.Lock()

        def refuse(bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            return busy(bodies, context)

        # grpc looks for this: the answer must not wait for the threads that are busy.
        vars(refuse)["experimental_thread_pool"] = ThreadPoolExecutor(1, "partywall-grpc-busy")
        self._refuse: Handler = grpc.stream_unary_rpc_method_handler(refuse)

    def is_crowded(self) -> bool:
        """Whether calls wait for a thread."""
        return self._running > THREADS

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """The handler of a call, in the thread of the server."""
        behaviour = self._methods.get(handler_call_details.method)
        if behaviour is None:
            return None
        with self._lock:
            if self._running >= THREADS + WAITING:
                return self._refuse
            self._running += 1

        def run(bodies: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            try:
                return behaviour(bodies, context)
            finally:
                with self._lock:
                    self._running -= 1

        return grpc.stream_unary_rpc_method_handler(run)


def _sender(context: grpc.ServicerContext) -> Sender:
    """What the call shows of its sender."""
    headers: dict[str, str] = {}
    for name, value in context.invocation_metadata():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if headers.setdefault(name, text) != text and name in SENDER_HEADERS:
            raise Refused(Reason.INVALID, f"the header {name} stands there twice")
    return Sender(
        headers.get("authorization", ""),
        _spiffe_id(context.auth_context()),
        headers.get("x-scope-orgid", ""),
    )


def _spiffe_id(peer: Mapping[str, Any]) -> str:
    """The SPIFFE id of the peer's certificate; the handshake has checked who signed it."""
    for pem in peer.get("x509_pem_cert", ()):
        return spiffe_id(x509.load_pem_x509_certificate(pem)) or ""
    return ""


def _options(settings: Grpc) -> Sequence[tuple[str, int]]:
    """The settings as channel arguments of gRPC."""
    connection = settings.keepalive.server_parameters
    pings = settings.keepalive.enforcement_policy
    times = {
        "max_connection_idle_ms": connection.max_connection_idle,
        "max_connection_age_ms": connection.max_connection_age,
        "max_connection_age_grace_ms": connection.max_connection_age_grace,
        "keepalive_time_ms": connection.time,
        "keepalive_timeout_ms": connection.timeout,
        "http2.min_recv_ping_interval_without_data_ms": pings.min_time,
    }
    options = {name: min(round(time * 1000), LONGEST) for name, time in times.items() if time}
    options |= {
        "max_receive_message_length": settings.max_recv_msg_size_mib << 20,
        "max_concurrent_streams": settings.max_concurrent_streams,
        "keepalive_permit_without_calls": int(pings.permit_without_stream),
        "so_reuseport": 0,
        # Opened here, within the limit; gRPC itself would open any size and then look at it.
        "per_message_decompression": 0,
        "compression_enabled_algorithms_bitset": IDENTITY_AND_GZIP,
    }
    return [(f"grpc.{name}", value) for name, value in options.items()]
