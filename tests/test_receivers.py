"""OTLP in, to the letter: every status of the specification, with real sockets and exporters."""

import contextlib
import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from served import EXPORT, GOOD, LIMIT, PROTOBUF, Served, add_principal, request
from waiting import wait_for

from partywall_collector.canonical import NotOtlp, from_json, from_protobuf
from partywall_collector.collector import Collector
from partywall_collector.component_values import Endpoint
from partywall_collector.config import Config
from partywall_collector.config_document import ConfigError
from partywall_collector.extensions import HealthCheck
from partywall_collector.spool import Limits
from partywall_collector.store import Store, open_store

MANY = ExportTraceServiceRequest(
    resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span()] * 150_001)])]
).SerializeToString()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("receivers") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        add_principal(store, "agents@acme", "good", "acme")
        add_principal(store, "nobody", "useless")
        add_principal(store, "one", "shared", "acme")
        add_principal(store, "two", "shared", "fjord")
        yield store


@pytest.fixture(scope="module")
def served(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("spool"), store, Limits(segment_age=3600))
    yield served
    served.close()


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "full", store, Limits(disk_bytes=1))
    yield served
    served.close()


def test_http_takes_protobuf(served: Served) -> None:
    """200, an empty ExportTraceServiceResponse, the same content type."""
    status, body, headers = served.post(request(), GOOD)
    assert (status, headers["Content-Type"]) == (200, PROTOBUF)
    assert not ExportTraceServiceResponse.FromString(body).HasField("partial_success")


def test_http_takes_gzip_and_an_empty_request(served: Served) -> None:
    """Compression is transparent; no spans is a success."""
    zipped = GOOD | {"Content-Encoding": "gzip"}
    assert served.post(gzip.compress(request()), zipped)[0] == 200
    assert (
        served.post(gzip.compress(request()[:9]) + gzip.compress(request()[9:]), zipped)[0] == 200
    )
    assert served.post(b"", GOOD)[0] == 200


def test_a_receiver_takes_only_the_signals_of_its_pipelines(served: Served) -> None:
    """Logs are 404 and UNIMPLEMENTED where no pipeline `logs` names it, as with a stock one."""
    assert served.post(b"", GOOD, "/v1/logs")[0] == 404
    export: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    export = served.channel.unary_unary(EXPORT.replace("trace.v1.Trace", "logs.v1.Logs"))
    assert export.future(b"", timeout=10).code() is grpc.StatusCode.UNIMPLEMENTED


def test_http_takes_json(served: Served) -> None:
    """OTLP/JSON on the same port, answered in JSON."""
    body = json.dumps({"resourceSpans": []}).encode()
    status, answer, headers = served.post(body, GOOD | {"Content-Type": "application/json"})
    assert (status, answer, headers["Content-Type"]) == (200, b"{}", "application/json")


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        (b"not otlp", {}, 400, "is not an OTLP ExportTraceServiceRequest"),
        (request()[:-3], {}, 400, "is not an OTLP ExportTraceServiceRequest"),
        (b"{", {"Content-Type": "application/json"}, 400, "is not an OTLP trace request in JSON"),
        (b"nonsense", {"Content-Encoding": "gzip"}, 400, "is not gzip"),
        (gzip.compress(request(), mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400, "is cut off"),
        (gzip.compress(b"", mtime=0) * 40, {"Content-Encoding": "gzip"}, 400, "16 parts"),
        (request(), {"Authorization": ""}, 401, "Authorization: Bearer TOKEN"),
        (request(), {"Authorization": "Bearer "}, 401, "Authorization: Bearer TOKEN"),
        (request(), {"Authorization": "Basic good"}, 401, "Authorization: Bearer TOKEN"),
        (request(), {"Authorization": "Bearer wrong"}, 401, "not known"),
        (request(), {"Authorization": "Bearer \xff\xfe"}, 401, "not known"),
        (request(), {"Authorization": "Bearer shared"}, 401, "not known"),
        (request(), {"Authorization": "Bearer useless"}, 403, "may not write for any tenant"),
        (bytes(LIMIT + 1), {}, 413, "more than 1048576 bytes"),
        (
            gzip.compress(bytes(50 * LIMIT), mtime=0),
            {"Content-Encoding": "gzip"},
            413,
            "more than 1048576",
        ),
        (MANY, {}, 413, "150001 spans, more than 150000"),
        (request(), {"Content-Type": "text/plain"}, 415, "not `text/plain`"),
        (request(), {"Content-Encoding": "br"}, 415, "not `br`"),
    ],
)
def test_http_refuses_with_the_status_of_the_specification(
    served: Served, body: bytes, headers: dict[str, str], status: int, text: str
) -> None:
    """A google.rpc.Status says what is wrong; a retry would not help, so none is asked for."""
    got, answer, sent = served.post(body, GOOD | headers)
    assert got == status
    message = (
        answer.decode() if "json" in sent["Content-Type"] else Status.FromString(answer).message
    )
    assert text in message
    assert sent["Retry-After"] is None


def test_http_answers_other_paths_and_methods_in_the_same_form(served: Served) -> None:
    """405 on GET, 404 for metrics and logs, both with a Status."""
    status, body, _ = served.post(b"", GOOD, method="GET")
    assert (status, Status.FromString(body).message) == (405, "send OTLP with POST")
    status, body, _ = served.post(b"", GOOD, path="/v1/metrics")
    assert (status, Status.FromString(body).message) == (404, "nothing is taken at /v1/metrics")
    assert served.post(b"", GOOD, path="/v1/traces/")[0] == 404  # and no way to another host


def test_a_body_that_ends_early_is_not_acknowledged(served: Served) -> None:
    """A sender that goes away in the middle leaves nothing behind, and the server goes on."""
    before = served.counters.stats(0, 0, 0).accepted_requests
    host, port = served.http.endpoint.split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"Host: x\r\nContent-Length: 500\r\nContent-Type: {PROTOBUF}\r\n"
        start = f"POST /v1/traces HTTP/1.1\r\n{head}Authorization: Bearer good\r\n\r\nabc"
        connection.sendall(start.encode())
    assert served.post(request(), GOOD)[0] == 200
    assert served.counters.stats(0, 0, 0).accepted_requests == before + 1


def test_requests_that_arrive_slowly_cannot_fill_the_memory(store: Store, tmp_path: Path) -> None:
    """What all senders together may hold is bounded; the one too many is asked to come back."""
    served = Served(tmp_path / "spool", store, Limits(memory_bytes=600_000))
    body = request(filler="x" * 400_000)
    with contextlib.closing(served):
        slow = http.client.HTTPConnection(served.http.endpoint, timeout=10)
        slow.putrequest("POST", "/v1/traces")
        for name, value in (GOOD | {"Content-Length": str(len(body))}).items():
            slow.putheader(name, value)
        slow.endheaders()
        slow.send(body[:-1])
        wait_for(lambda: served.room.held == len(body) - 1)
        status, _, headers = served.post(body, GOOD)
        assert (status, headers["Retry-After"]) == (429, "2")
        slow.send(body[-1:])
        assert slow.getresponse().status == 200
        slow.close()
        assert served.post(body, GOOD)[0] == 200


def test_grpc_takes_a_request(served: Served) -> None:
    """OK with an empty response, plain and compressed."""
    assert served.call(request()) == (grpc.StatusCode.OK, {})
    assert served.call(request(), compression=grpc.Compression.Gzip)[0] == grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("body", "token", "code"),
    [
        (b"not otlp", "good", grpc.StatusCode.INVALID_ARGUMENT),
        (request(), None, grpc.StatusCode.UNAUTHENTICATED),
        (request(), "wrong", grpc.StatusCode.UNAUTHENTICATED),
        (request(), "useless", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_grpc_refuses_without_asking_for_a_retry(
    served: Served, body: bytes, token: str | None, code: grpc.StatusCode
) -> None:
    """The status is in the code and in grpc-status-details-bin; there is no RetryInfo."""
    got, trailers = served.call(body, token)
    assert got == code
    assert Status.FromString(trailers["grpc-status-details-bin"]).code == code.value[0]
    assert "google.rpc.retryinfo-bin" not in trailers


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_grpc_limits_what_comes_out_of_the_compression(
    served: Served, compression: grpc.Compression | None
) -> None:
    """RESOURCE_EXHAUSTED without RetryInfo, also for a small body that unpacks to a large one."""
    code, trailers = served.call(bytes(2 * LIMIT), compression=compression)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in trailers


def test_a_full_spool_asks_http_senders_to_come_back(full: Served) -> None:
    """429, Retry-After of at most five seconds, RetryInfo in the Status."""
    status, body, headers = full.post(request(), GOOD)
    assert status == 429
    assert 0 < int(headers["Retry-After"]) <= 5
    assert Status.FromString(body).details[0].TypeName() == "google.rpc.RetryInfo"


def test_a_full_spool_asks_grpc_senders_to_come_back(full: Served) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo in both trailers."""
    code, trailers = full.call(request())
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    pause = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert 0 < pause.retry_delay.seconds <= 5
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.details[0].TypeName() == "google.rpc.RetryInfo"


def test_a_stopping_collector_asks_senders_to_come_back(full: Served) -> None:
    """503 and UNAVAILABLE while the spool is closed."""
    full.spool.close()
    assert full.post(request(), GOOD)[0] == 503
    assert full.call(request())[0] == grpc.StatusCode.UNAVAILABLE


def spans() -> list[ReadableSpan]:
    provider = TracerProvider()
    with provider.get_tracer("test").start_as_current_span("work") as span:
        pass
    provider.shutdown()
    assert isinstance(span, ReadableSpan)
    return [span]


def exporters(served: Served, token: str) -> list[SpanExporter]:
    header = {"authorization": f"Bearer {token}"}
    url = f"http://{served.http.endpoint}/v1/traces"
    return [
        GrpcExporter(endpoint=served.grpc.endpoint, insecure=True, headers=header, timeout=8),
        GrpcExporter(
            endpoint=served.grpc.endpoint,
            insecure=True,
            headers=header,
            compression=grpc.Compression.Gzip,
        ),
        HttpExporter(endpoint=url, headers=header, timeout=8),
        HttpExporter(endpoint=url, headers=header, compression=Compression.Gzip),
    ]


def test_the_real_exporters_deliver(served: Served) -> None:
    """opentelemetry-exporter-otlp over both protocols, with and without gzip."""
    before = served.counters.stats(0, 0, 0).accepted_spans
    for exporter in exporters(served, "good"):
        assert exporter.export(spans()) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert served.counters.stats(0, 0, 0).accepted_spans == before + 4


def test_the_real_exporters_give_up_at_once_on_a_wrong_token(served: Served) -> None:
    """They are told that a retry is useless, and count as refused."""
    before = served.counters.stats(0, 0, 0).refused.get("unauthenticated", 0)
    for exporter in exporters(served, "wrong"):
        assert exporter.export(spans()) is SpanExportResult.FAILURE
        exporter.shutdown()
    assert served.counters.stats(0, 0, 0).refused["unauthenticated"] == before + 4


def test_the_real_exporters_come_back_to_a_full_spool(full: Served) -> None:
    """What is refused for lack of room is delivered once there is room."""
    senders = exporters(full, "good")
    results: list[SpanExportResult] = []

    def send(sender: SpanExporter) -> None:
        results.append(sender.export(spans()))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in senders[::2]]
    for thread in threads:
        thread.start()
    wait_for(lambda: full.counters.stats(0, 0, 0).refused.get("full", 0) >= 2)
    full.spool.limits = Limits()
    for thread in threads:
        thread.join()
    for sender in senders:
        sender.shutdown()
    assert results == [SpanExportResult.SUCCESS] * 2


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_port_that_is_taken_is_named_by_its_key(store: Store, protocol: str) -> None:
    """The error says which key, which endpoint and what to do; what was started is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        config = Config.default(store.url, **{protocol: endpoint})
        key = f"receivers.otlp.protocols.{protocol}.endpoint"
        for _ in range(2):
            with pytest.raises(ConfigError, match=f"{key}: {endpoint} is taken by another process"):
                Collector(store, config).start()


def test_a_collector_asks_senders_to_come_back_before_the_disk_is_full(store: Store) -> None:
    """An embedded store's tables lie beside the spool: a segment's room stays free for them."""
    config = Config.default(store.url)
    queue = config.exporter.sending_queue
    batch = replace(queue.batch, max_size_mib=1 << 30)  # more than any disk has
    exporter = replace(config.exporter, sending_queue=replace(queue, batch=batch))
    with Collector(store, replace(config, exporter=exporter)) as collector:
        place = collector.http_endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(place, timeout=10)
        connection.request("POST", "/v1/traces", request(), GOOD)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert "stay free" in Status.FromString(answer.read()).message
        connection.close()


def test_the_health_check_answers_while_the_collector_runs(store: Store) -> None:
    """200 on its own endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    health = {"health_check": HealthCheck(Endpoint(endpoint))}
    with Collector(store, replace(Config.default(store.url), health=health)):
        connection = http.client.HTTPConnection(endpoint)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()


@given(st.binary(max_size=300))
def test_any_body_is_canonical_or_not_otlp(body: bytes) -> None:
    """Hostile bytes raise nothing else, and what is canonical stays as it is."""
    try:
        canonical = from_protobuf(body)
    except NotOtlp:
        return
    assert from_protobuf(canonical.body) == canonical


def test_what_protobuf_ignores_is_not_passed_on() -> None:
    """Unknown fields, also a known number with the wrong wire type, are gone."""
    body = request(2)
    assert from_protobuf(body + b"\xf8\x07\x01" + b"\x08\x05").body == body


def test_json_means_the_same_as_protobuf() -> None:
    """Ids are hex in either case, times may be text, unknown keys are ignored."""
    span = {
        "traceId": "0102030405060708090A0b0c0d0e0f10",
        "spanId": "0102030405060708",
        "parentSpanId": "",
        "name": "n",
        "kind": 3,
        "startTimeUnixNano": "1700000000000000000",
        "links": [{"traceId": "ff" * 16, "spanId": "ee" * 8}],
        "attributes": [{"key": "b", "value": {"bytesValue": "AQI="}}],
        "surprise": 1,
    }
    canonical = from_json(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    message = ExportTraceServiceRequest.FromString(canonical.body)
    got = message.resource_spans[0].scope_spans[0].spans[0]
    assert canonical.spans == 1
    assert got.trace_id == bytes(range(1, 17))
    assert got.span_id == bytes(range(1, 9))
    assert got.start_time_unix_nano == 1_700_000_000_000_000_000
    assert got.links[0].trace_id == b"\xff" * 16
    assert got.attributes[0].value.bytes_value == b"\x01\x02"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        '{"resourceSpans": 7}',
        '{"resourceSpans": [7]}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 7}]}]}]}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}',
        '{"resourceSpans": [{"\\ud800": 1}]}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": []}]}]}]}',
        "[" * 5000,
        '{"resourceSpans": NaN}',
    ],
)
def test_broken_json_is_not_otlp(text: str) -> None:
    """Each is refused with a text, none with a crash."""
    with pytest.raises(NotOtlp):
        from_json(text)
