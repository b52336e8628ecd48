"""OTLP/gRPC: the trace service's Export."""

import logging
from concurrent.futures import ThreadPoolExecutor

import grpc

from partywall_collector.components import Grpc
from partywall_collector.receivers.http_server import cannot_listen
from partywall_collector.receivers.intake import Intake, Reason, Refused, retry_info

log = logging.getLogger("partywall.receiver")
SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
THREADS = 16
STOP_PATIENCE = 5
CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcReceiver:
    """Serves from `start` to `stop`; `key` is the YAML key that names the endpoint."""

    def __init__(self, intake: Intake, settings: Grpc, key: str) -> None:
        self._intake = intake
        limit = settings.max_recv_msg_size_mib << 20
        options = [("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", 0)]
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="partywall-grpc")
        self._server = grpc.server(threads, options=options)
        export: grpc.RpcMethodHandler[bytes, bytes]
        export = grpc.unary_unary_rpc_method_handler(self._export)
        service = grpc.method_handlers_generic_handler(SERVICE, {"Export": export})
        self._server.add_generic_rpc_handlers((service,))
        try:
            port = self._server.add_insecure_port(settings.endpoint)
        except RuntimeError:
            raise cannot_listen(key, settings.endpoint) from None
        self.endpoint = f"{settings.endpoint.rpartition(':')[0]}:{port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Take no more requests, finish those that run."""
        self._server.stop(STOP_PATIENCE).wait()

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        """The serialised ExportTraceServiceResponse once the request is on disk."""
        try:
            header = dict(context.invocation_metadata()).get("authorization")
            text = header.decode("latin-1") if isinstance(header, bytes) else header
            return self._intake.take(self._intake.authenticate(text), body).SerializeToString()
        except Refused as error:
            refused = error
        except Exception:
            log.exception("a request failed")
            refused = Refused(Reason.UNAVAILABLE, "the collector failed")
        self._intake.counters.refuse(refused.reason.word)
        trailers = [("grpc-status-details-bin", refused.status().SerializeToString())]
        if refused.reason.retryable:
            # The Python exporters read the pause only here.
            trailers.append(("google.rpc.retryinfo-bin", retry_info().SerializeToString()))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(CODES[refused.reason.code], str(refused))
