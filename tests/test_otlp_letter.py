"""OTLP 1.11, line by line: what the specification asks of a server that no other test asks here.

Limits, compression, refusals and back-pressure are in test_receivers.py, certificates in
test_tls.py, health and CORS in test_door.py, repeats in test_repeats.py.
"""

import base64
import http.client
import itertools
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall_collector.canonical import from_json
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.receivers.refusals import RETRY_AFTER, Reason, Refused
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
SERVICE = "opentelemetry.proto.collector.{0}.v1.{1}Service"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('letter')}/home", role="owner") as store:
        digest = sha256(b"good").hexdigest()
        agents = Principal(id="agents", tenants=("acme",), token_sha256=digest)
        write([Tenant(id="acme"), agents], store)
        yield store


@pytest.fixture(scope="module")
def collector(store: Store) -> Iterator[Collector]:
    with Collector(store, Config.default(store.url)) as collector:
        yield collector


@pytest.fixture
def connection(collector: Collector) -> Iterator[http.client.HTTPConnection]:
    host = collector.http_endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    yield connection
    connection.close()


def body(name: str = "letter") -> bytes:
    message, number = ExportTraceServiceRequest(), next(NUMBERS)
    span = message.resource_spans.add().scope_spans.add().spans.add(name=name)
    span.trace_id, span.span_id = number.to_bytes(16), number.to_bytes(8)
    span.attributes.add(key="partywall.tenant.id").value.string_value = "acme"
    return message.SerializeToString()


def ask(
    connection: http.client.HTTPConnection,
    data: bytes,
    *,
    method: str = "POST",
    path: str = "/v1/traces",
    **headers: str,
) -> tuple[int, bytes, http.client.HTTPMessage]:
    sent = {"Authorization": "Bearer good", "Content-Type": PROTOBUF}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, data, sent)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


@pytest.mark.parametrize(
    ("data", "content_type", "answered"),
    [
        (b"", PROTOBUF, PROTOBUF),
        (b"{}", JSON, JSON),
        (b"{}", "application/json; charset=utf-8", JSON),
        (b"{}", "Application/JSON", JSON),
        (b'{"resourceSpans": []}', JSON, JSON),
        (b'{"resourceSpans": [{"scopeSpans": []}]}', JSON, JSON),
    ],
)
def test_an_empty_request_is_a_success_in_its_own_type(
    connection: http.client.HTTPConnection, data: bytes, content_type: str, answered: str
) -> None:
    """200, the same content type, `partial_success` unset."""
    status, answer, headers = ask(connection, data, Content_Type=content_type)
    assert (status, headers["Content-Type"]) == (200, answered)
    assert answer == (b"{}" if answered == JSON else b"")


def test_a_connection_is_kept_for_the_next_request(
    connection: http.client.HTTPConnection,
) -> None:
    """After a success, and after a refusal whose body was read."""
    for data, status in ((body(), 200), (b"not otlp", 400), (body(), 200)):
        assert ask(connection, data)[0] == status
        kept = cast("Any", connection).sock
        assert kept is not None
    assert ask(connection, body(), Content_Encoding="GZIP")[0] == 400  # names are case-insensitive


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"data": b"{"}, 400),
        ({"data": b"{}", "Authorization": "Bearer wrong"}, 401),
        ({"data": b"{}", "path": "/v1/metrics"}, 404),
        ({"data": b"{}", "path": "/v1development/profiles"}, 404),
        ({"data": b"", "method": "GET"}, 405),
        ({"data": b"", "method": "PUT"}, 405),
        ({"data": b"{}", "Content_Encoding": "br"}, 415),
    ],
)
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_refusal_is_a_status_in_the_type_of_the_request(
    connection: http.client.HTTPConnection, asked: dict[str, Any], status: int, content_type: str
) -> None:
    """google.rpc.Status as protobuf or JSON, with a text; no Retry-After where none helps."""
    got, answer, headers = ask(connection, **asked, Content_Type=content_type)
    assert (got, headers["Content-Type"]) == (status, content_type)
    if content_type == JSON:
        assert json.loads(answer)["message"]
    else:
        assert Status.FromString(answer).message
    assert headers["Retry-After"] is None
    assert headers["Allow"] == ("POST" if status == 405 else None)
    assert (headers["WWW-Authenticate"] == "Bearer") is (status == 401)


def test_bad_data_is_described_in_the_details(
    connection: http.client.HTTPConnection, collector: Collector
) -> None:
    """A BadRequest beside the text, over both protocols."""
    statuses = [Status.FromString(ask(connection, b"not otlp")[1])]
    code, trailers = call(collector, SERVICE.format("trace", "Trace"), b"not otlp")
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    statuses.append(Status.FromString(trailers["grpc-status-details-bin"]))
    for status in statuses:
        [detail] = status.details
        bad = BadRequest()
        assert detail.Unpack(bad)
        assert "is not an OTLP ExportTraceServiceRequest" in bad.field_violations[0].description


def call(collector: Collector, service: str, data: bytes) -> tuple[Any, dict[str, bytes]]:
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/{service}/Export"
        )
        future = export.future(data, timeout=10, metadata=(("authorization", "Bearer good"),))
        future.exception()
        trailers: Any = future.trailing_metadata() or ()
        return future.code(), dict(trailers)


def test_a_service_that_is_not_there_is_unimplemented(collector: Collector) -> None:
    """Metrics are not taken; an empty export of traces is a success."""
    code, _ = call(collector, SERVICE.format("metrics", "Metrics"), b"")
    assert code is grpc.StatusCode.UNIMPLEMENTED
    code, trailers = call(collector, SERVICE.format("trace", "Trace"), b"")
    assert (code, trailers) == (grpc.StatusCode.OK, {})


@pytest.mark.parametrize("reason", Reason)
def test_a_retry_is_asked_for_where_the_specification_allows_one(reason: Reason) -> None:
    """Exactly 429 and 503 of HTTP, UNAVAILABLE and RESOURCE_EXHAUSTED with RetryInfo of gRPC."""
    kinds = [detail.TypeName() for detail in Refused(reason, "text").status().details]
    assert reason.retryable is (reason.http in (429, 502, 503, 504))
    assert ("google.rpc.RetryInfo" in kinds) is reason.retryable
    assert not reason.retryable or reason.code in (8, 14)
    assert 0 < RETRY_AFTER <= 5


def span_of(**fields: Any) -> Span:
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}
    message = ExportTraceServiceRequest.FromString(from_json(json.dumps(document)).body)
    return message.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    "nanoseconds", [1544712660300000001, "1544712660300000001"], ids=["number", "text"]
)
def test_numbers_of_json_are_text_or_numbers(nanoseconds: int | str) -> None:
    """64 bits to the last digit, in times and in values."""
    values = [{"key": "n", "value": {"intValue": nanoseconds}}]
    span = span_of(startTimeUnixNano=nanoseconds, attributes=values, flags=257)
    assert span.start_time_unix_nano == 1544712660300000001
    assert span.attributes[0].value.int_value == 1544712660300000001
    assert span.flags == 257


def test_enums_of_json_are_numbers_also_unknown_ones() -> None:
    """A kind and a status of a later version are kept as they came."""
    span = span_of(kind=77, status={"code": 9})
    assert (int(span.kind), int(span.status.code)) == (77, 9)


def test_values_of_json_keep_their_kind() -> None:
    """Bytes are base64, unlike ids; lists and maps nest; null is nothing."""
    raw = base64.b64encode(b"\x00\xff").decode()
    nested = {"kvlistValue": {"values": [{"key": "k", "value": {"doubleValue": 0.5}}]}}
    span = span_of(
        parentSpanId=None,
        traceId="AB" * 16,
        attributes=[
            {"key": "b", "value": {"bytesValue": raw}},
            {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": False}, nested]}}},
        ],
        notOfOurTime={"at": ["all"]},
    )
    assert (span.parent_span_id, span.trace_id) == (b"", b"\xab" * 16)
    assert span.attributes[0].value.bytes_value == b"\x00\xff"
    first, second = span.attributes[1].value.array_value.values
    assert first.WhichOneof("value") == "bool_value"
    assert second.kvlist_value.values[0].value.double_value == 0.5


def test_names_of_protobuf_do_not_hide_an_id_in_json(
    store: Store, collector: Collector, connection: http.client.HTTPConnection
) -> None:
    """JSON names are in lowerCamelCase; a span whose ids are written otherwise has a bad id."""
    tenant = {"key": "partywall.tenant.id", "value": {"stringValue": "acme"}}
    span = {"trace_id": "0a" * 16, "span_id": "0b" * 8, "name": "snake", "attributes": [tenant]}
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    status, answer, _ = ask(connection, json.dumps(document).encode(), Content_Type=JSON)
    assert (status, answer) == (200, b"{}")
    assert collector.drain(30)
    rows = store.rows("SELECT reason FROM quarantine WHERE name = 'snake'")
    assert rows == [{"reason": "bad id"}]


def test_a_success_says_nothing_of_a_part(connection: http.client.HTTPConnection) -> None:
    """A span for quarantine is no rejected span: a client must not drop or repeat it."""
    status, answer, headers = ask(connection, body().replace(b"acme", b"nope"))
    assert (status, headers["Content-Type"]) == (200, PROTOBUF)
    assert not ExportTraceServiceResponse.FromString(answer).HasField("partial_success")
