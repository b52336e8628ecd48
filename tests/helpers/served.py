"""Both OTLP receivers over a spool that nobody empties."""

import hashlib
import http.client
import itertools
from datetime import UTC, datetime
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from partywall_collector.authenticators import Chain
from partywall_collector.authenticators.registered import Registered
from partywall_collector.component_values import Endpoint
from partywall_collector.endpoints import Grpc, Http
from partywall_collector.grants import Grants
from partywall_collector.metrics import Counters
from partywall_collector.principals import Principals
from partywall_collector.quotas import Quotas
from partywall_collector.receivers.http_server import HttpServer
from partywall_collector.receivers.intake import Intakes
from partywall_collector.receivers.otlp_grpc import GrpcReceiver
from partywall_collector.receivers.otlp_http import otlp_app
from partywall_collector.receivers.parsing import Parsing
from partywall_collector.receivers.room import Room
from partywall_collector.receivers.trace_intake import TraceIntake
from partywall_collector.repeats import Repeats
from partywall_collector.spool import Limits, Spool
from partywall_collector.store import Store

PROTOBUF = "application/x-protobuf"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
GOOD = {"Authorization": "Bearer good", "Content-Type": PROTOBUF}
LIMIT = 1 << 20
TRACES = itertools.count(1)
"""No request repeats another: a repeat would not be stored."""


def add_principal(store: Store, name: str, token: str, *tenants: str) -> None:
    digest = hashlib.sha256(token.encode()).hexdigest() if token else ""
    row = {"principal_id": name, "tenants": tenants, "token_sha256": digest}
    store.insert("principals", [{**row, "recorded_at": datetime.now(UTC)}])


def request(spans: int = 1, filler: str = "") -> bytes:
    message, trace = ExportTraceServiceRequest(), next(TRACES)
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(name=f"span {number}{filler}")
        span.trace_id = trace.to_bytes(16)
        span.span_id = (number + 1).to_bytes(8)
    return message.SerializeToString()


class Served:
    """Both receivers over a spool that nobody empties."""

    def __init__(self, folder: Path, store: Store, limits: Limits, patience: float = 60.0) -> None:
        self.spool = Spool(folder, limits)
        self.principals = Principals(store, 3600)
        self.quotas = Quotas(store, 3600)
        self.counters = Counters()
        grants = Grants(store, 3600)
        parsing = Parsing(limits.memory_bytes)
        traces = TraceIntake(self.spool, Repeats(), grants, self.quotas, self.counters, parsing)
        self.room = Room(limits.memory_bytes)
        intakes = Intakes({"traces": traces}, self.room, self.counters)
        chain = Chain([Registered(self.principals)], self.principals)
        local = Endpoint("127.0.0.1:0")
        app = otlp_app(intakes, chain, Http(local, max_request_body_size=LIMIT))
        key = "receivers.otlp.protocols.http.endpoint"
        self.http = HttpServer(app, local, key, read_timeout=patience)
        self.grpc = GrpcReceiver(
            intakes, chain, Grpc(local, max_recv_msg_size_mib=1), "receivers.otlp.protocols.grpc"
        )
        self.http.start()
        self.grpc.start()
        self.channel = grpc.insecure_channel(self.grpc.endpoint)

    def close(self) -> None:
        self.channel.close()
        self.grpc.stop()
        self.http.stop()
        self.principals.stop()
        self.quotas.stop()
        self.spool.close()

    def post(
        self, body: bytes, headers: dict[str, str], path: str = "/v1/traces", method: str = "POST"
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(self.http.endpoint, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def call(
        self, body: bytes, token: str | None = "good", compression: grpc.Compression | None = None
    ) -> tuple[grpc.StatusCode, dict[str, bytes]]:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(EXPORT)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        future = export.future(body, timeout=10, metadata=metadata, compression=compression)
        if future.exception() is None:
            answer = ExportTraceServiceResponse.FromString(future.result())
            assert not answer.HasField("partial_success")
        trailers = {str(key): value for key, value in future.trailing_metadata() or ()}
        return future.code(), {key: v for key, v in trailers.items() if isinstance(v, bytes)}
