"""The door of the collector: who may come in, as what, and how much may come at once."""

import gzip
import http.client
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from backports import zstd
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_collector.collector import Collector
from partywall_collector.commands.collect import main
from partywall_collector.config import Config
from partywall_collector.quarantine import Filter, Quarantine
from partywall_collector.receivers import otlp_grpc
from partywall_collector.receivers.encodings import gunzip, unzstd
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SIZE = zstd.CompressionParameter.content_size_flag
_opener = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
WIDE = _opener.compress(b"x" * (1 << 20)) + _opener.flush()
"""A frame that asks for a window of 128 MiB."""
CONFIG = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:0
        max_recv_msg_size_mib: 1
        max_concurrent_streams: 1000
        keepalive: {{server_parameters: {{max_connection_idle: 1h}}}}
        auth: {{authenticator: [bearertokenauth, registry_auth, bearertokenauth/file]}}
      http:
        endpoint: 127.0.0.1:0
        max_request_body_size: 1048576
        cors: {{allowed_origins: ["https://*.example.com", "http://localhost:*"]}}
        auth: {{authenticator: [bearertokenauth, registry_auth, bearertokenauth/file]}}
processors: {{tenant_router:}}
exporters: {{clickhouse:}}
extensions:
  registry_auth:
  bearertokenauth: {{token: from the environment, principal: agents}}
  bearertokenauth/file: {{filename: {tokens}, principal: gateway, scheme: Token}}
service:
  extensions: [registry_auth, bearertokenauth, bearertokenauth/file]
  pipelines: {{traces: {{receivers: [otlp], processors: [tenant_router], exporters: [clickhouse]}}}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('door')}/home", role="owner") as store:
        write(
            [
                *(Tenant(id=name) for name in ("acme", "fjord", "third")),
                principal("agents", "acme", "fjord"),
                principal("gateway", "acme", "fjord", roles=("gateway",)),
                principal("fleet", "*", roles=("gateway",)),
            ],
            store,
        )
        yield store


def principal(name: str, *tenants: str, roles: tuple[str, ...] = ()) -> Principal:
    digest = sha256(name.encode()).hexdigest()
    return Principal(id=name, tenants=tenants, token_sha256=digest, roles=roles)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text("first\n\nsecond\n")
    return path


@pytest.fixture(scope="module")
def collector(
    store: Store, tokens: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Collector]:
    path = tmp_path_factory.mktemp("config") / "otel-config.yaml"
    path.write_text(CONFIG.format(tokens=tokens))
    with Collector(store, Config.load([path])) as collector:
        yield collector


def body(name: str, *tenants: str, resource: str = "") -> bytes:
    """A span that claims these tenants, the same key as often as there are."""
    message = ExportTraceServiceRequest()
    sent = message.resource_spans.add()
    if resource:
        sent.resource.attributes.add(key="partywall.tenant.id").value.string_value = resource
    span = sent.scope_spans.add().spans.add(name=name, trace_id=bytes(15) + b"\1")
    span.span_id = sha256(name.encode()).digest()[:8]
    for tenant in tenants:
        span.attributes.add(key="partywall.tenant.id").value.string_value = tenant
    return message.SerializeToString()


def post(
    collector: Collector, data: bytes, method: str = "POST", **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(
        collector.http_endpoint.removeprefix("http://"), timeout=10
    )
    sent = {"Content-Type": "application/x-protobuf"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    try:
        connection.request(method, "/v1/traces", data, sent)
        answer = connection.getresponse()
        content = answer.read()
        text = Status.FromString(content).message if answer.status >= 400 else ""
        return answer.status, text, answer.headers
    finally:
        connection.close()


def call(collector: Collector, data: bytes, *metadata: tuple[str, str]) -> tuple[str, str]:
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        try:
            export(data, timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            return cast("grpc.Call", error).code().name, cast("grpc.Call", error).details() or ""
        return "OK", ""


def stored(store: Store, collector: Collector, name: str) -> tuple[list[str], list[str]]:
    """The tenants that have the span, and the reasons for which it lies in quarantine."""
    assert collector.drain(30)
    spans = store.rows("SELECT tenant_id FROM spans WHERE name = {name:String}", {"name": name})
    held = store.rows("SELECT reason FROM quarantine WHERE name = {name:String}", {"name": name})
    return [row["tenant_id"] for row in spans], [row["reason"] for row in held]


def test_a_gateway_names_the_tenant_of_a_request(store: Store, collector: Collector) -> None:
    """Its own tenants only; what a span then claims must be that tenant."""
    gateway = ("authorization", "Bearer gateway")
    for org, name, claim in (
        ("acme", "fits", "acme"),
        ("acme", "lies", "fjord"),
    ):
        assert call(collector, body(name, claim), gateway, ("x-scope-orgid", org)) == ("OK", "")
    code, text = call(collector, body("theirs", "third"), gateway, ("x-scope-orgid", "third"))
    assert (code, text) == (
        "PERMISSION_DENIED",
        "the gateway gateway may not write for the tenant of X-Scope-OrgID",
    )
    assert (
        post(collector, body("any", "third"), Authorization="Bearer fleet", X_Scope_OrgID="third")[
            0
        ]
        == 200
    )
    assert stored(store, collector, "fits") == (["acme"], [])
    assert stored(store, collector, "lies") == ([], ["foreign tenant"])
    assert stored(store, collector, "theirs") == ([], [])
    assert stored(store, collector, "any") == (["third"], [])


def test_what_names_no_tenant_belongs_to_the_one_that_a_gateway_chose(
    store: Store, collector: Collector
) -> None:
    """A claim of its own counts more; without the header there is no default tenant."""
    gateway = ("authorization", "Bearer gateway")
    chosen = gateway, ("x-scope-orgid", "acme")
    for name, claims, headers in (
        ("silent", (), chosen),
        ("of another", ("fjord",), chosen),
        ("unchosen", (), (gateway,)),
    ):
        assert call(collector, body(name, *claims), *headers) == ("OK", "")
    assert stored(store, collector, "silent") == (["acme"], [])
    assert stored(store, collector, "of another") == ([], ["foreign tenant"])
    assert stored(store, collector, "unchosen") == ([], ["no tenant"])
    query = "SELECT attestation, attributes FROM spans WHERE name = 'silent'"
    assert store.rows(query) == [{"attestation": "A1", "attributes": {}}]


def test_what_a_gateway_chose_is_not_forgotten_in_quarantine(
    store: Store, collector: Collector
) -> None:
    """A tenant that was registered too late gets its spans, though they do not name it."""
    headers = ("authorization", "Bearer fleet"), ("x-scope-orgid", "later")
    assert call(collector, body("early"), *headers) == ("OK", "")
    assert stored(store, collector, "early") == ([], ["unknown tenant"])
    write([Tenant(id="later")], store)
    Quarantine(store).release(Filter(tenant="later"))
    assert stored(store, collector, "early") == (["later"], [])


def test_a_gateway_sends_the_same_for_another_tenant(store: Store, collector: Collector) -> None:
    """What lies in quarantine for one tenant is no repeat when it comes again for the right one."""
    gateway = ("authorization", "Bearer gateway")
    for org in ("acme", "fjord", "fjord"):
        call(collector, body("again", "fjord"), gateway, ("x-scope-orgid", org))
    assert stored(store, collector, "again") == (["fjord"], ["foreign tenant"])


def test_who_is_no_gateway_may_not_name_a_tenant(collector: Collector) -> None:
    """Also where the name would be right: the header of an agent proves nothing."""
    status, text, _ = post(
        collector, body("agent", "acme"), Authorization="Bearer agents", X_Scope_OrgID="acme"
    )
    assert status == 403
    assert "agents is no gateway" in text


def test_a_tenant_that_lies_everywhere_at_once_is_bound_nowhere(
    store: Store, collector: Collector
) -> None:
    """Resource, span, baggage and header of one request name four tenants."""
    status, *_ = post(
        collector,
        body("everywhere", "fjord", resource="third"),
        Authorization="Bearer gateway",
        X_Scope_OrgID="acme",
        Baggage="partywall.tenant.id=other,tenant.id=other",
    )
    assert status == 200
    assert stored(store, collector, "everywhere") == ([], ["two tenants"])
    post(
        collector,
        body("in the baggage"),
        Authorization="Bearer gateway",
        Baggage="partywall.tenant.id=acme",
    )
    assert stored(store, collector, "in the baggage") == ([], ["no tenant"])


def test_authenticators_serve_one_endpoint_side_by_side(collector: Collector, tokens: Path) -> None:
    """Registry, configuration and file, each with its own scheme; a changed file is read again."""
    for header in ("Bearer agents", "bearer from the environment", "Token first", "Token second"):
        assert call(collector, body("side"), ("authorization", header)) == ("OK", "")
    for header in ("Token from the environment", "Bearer first", "Bearer", "Token third"):
        assert call(collector, body("side"), ("authorization", header))[0] == "UNAUTHENTICATED"
    tokens.write_text("third")
    assert call(collector, body("side"), ("authorization", "Token third")) == ("OK", "")
    assert call(collector, body("side"), ("authorization", "Token first"))[0] == "UNAUTHENTICATED"
    tokens.unlink()
    assert call(collector, body("side"), ("authorization", "Token third")) == ("OK", "")


def test_print_config_does_not_show_a_fixed_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a ticket or a chat is given must not let its reader in."""
    path = tmp_path / "otel-config.yaml"
    path.write_text(CONFIG.format(tokens="tokens"))
    assert main(["print-config", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "from the environment" not in said
    assert "token: '[redacted]'" in said


def test_a_header_that_stands_there_twice_is_refused(collector: Collector) -> None:
    """Nobody chooses between two tokens or two tenants."""
    two = ("authorization", "Bearer agents"), ("authorization", "Bearer gateway")
    assert call(collector, body("twice"), *two)[0] == "INVALID_ARGUMENT"
    orgs = ("x-scope-orgid", "acme"), ("x-scope-orgid", "fjord")
    assert call(collector, body("twice"), two[1], *orgs)[0] == "INVALID_ARGUMENT"


def test_http_takes_zstd(store: Store, collector: Collector) -> None:
    """Also where the frame does not say its size."""
    for number, data in enumerate(
        (
            zstd.compress(body("zstd 0", "acme")),
            zstd.compress(body("zstd 1", "acme"), options={SIZE: 0}),
        )
    ):
        status, *_ = post(collector, data, Authorization="Bearer agents", Content_Encoding="zstd")
        assert status == 200
        assert stored(store, collector, f"zstd {number}") == (["acme"], [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(bytes(1 << 26), mtime=0), Reason.TOO_LARGE),
        (gzip.compress(gzip.compress(bytes(1 << 26), mtime=0), mtime=0) * 9, Reason.TOO_LARGE),
        (gzip.compress(b"x", mtime=0) * 17, Reason.INVALID),
        (gzip.compress(bytes(1000), mtime=0)[:-9], Reason.INVALID),
        (gzip.compress(bytes(1000), mtime=0) + b"tail", Reason.INVALID),
        (b"\x1f\x8b", Reason.INVALID),
        (zstd.compress(bytes(1 << 26)), Reason.TOO_LARGE),
        (zstd.compress(b"x" * 900) * 9, Reason.TOO_LARGE),
        (zstd.compress(bytes(99))[:-3], Reason.INVALID),
        (zstd.compress(bytes(99)) + b"tail", Reason.INVALID),
        (WIDE, Reason.INVALID),
    ],
)
def test_bombs_and_broken_bodies_never_grow_beyond_the_limit(data: bytes, reason: Reason) -> None:
    """Members, frames and windows too: what comes out is at most a byte above the limit."""
    with pytest.raises(Refused) as caught:
        (gunzip if data.startswith(b"\x1f\x8b") else unzstd)(data, 4096)
    assert caught.value.reason is reason


def test_a_bomb_over_grpc_is_opened_within_the_limit(collector: Collector) -> None:
    """gRPC would open any size and then look at it; here it arrives closed."""
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as caught:
            export(
                gzip.compress(bytes(1 << 28), 1),
                timeout=10,
                metadata=(("authorization", "Bearer agents"),),
            )
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers: Any = caught.value.trailing_metadata() or ()
    assert "google.rpc.retryinfo-bin" not in [key for key, _ in trailers]


def test_a_page_of_an_allowed_origin_may_send(collector: Collector) -> None:
    """The browser asks first; other origins get no permission."""
    ask = {"Access_Control_Request_Method": "POST"}
    for origin, allowed in (
        ("https://app.example.com", True),
        ("http://localhost:3000", True),
        ("https://example.com.evil.org", False),
        ("https://appXexample.com", False),
    ):
        status, _, headers = (
            post(
                collector,
                b"",
                "OPTIONS",
                Origin=origin,
                Access_Control_Request_Headers="authorization,content-type",
                **ask,
            )
            if allowed
            else (200, "", post_refused(collector, origin))
        )
        assert status == 200
        assert (headers["Access-Control-Allow-Origin"] == origin) is allowed
    _, _, headers = post(
        collector,
        body("page"),
        Authorization="Bearer agents",
        Origin="https://app.example.com",
    )
    assert headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def post_refused(collector: Collector, origin: str) -> http.client.HTTPMessage:
    """The headers of a preflight that is not allowed; its body is plain text."""
    connection = http.client.HTTPConnection(
        collector.http_endpoint.removeprefix("http://"), timeout=10
    )
    try:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        connection.request("OPTIONS", "/v1/traces", b"", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 400
        return answer.headers
    finally:
        connection.close()


def test_the_grpc_health_service_answers(collector: Collector) -> None:
    """For the server, and for the trace service by its name."""
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # generated without types
        for service in ("", "opentelemetry.proto.collector.trace.v1.TraceService"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_calls_that_would_queue_without_end_are_asked_to_come_back(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the threads busy and the queue full, the answer comes at once and has RetryInfo."""
    monkeypatch.setattr(otlp_grpc, "WAITING", 4)
    going = threading.Event()

    def slowly(number: int) -> Iterator[bytes]:
        going.wait(30)
        yield body(f"slow {number}", "acme")

    headers = (("authorization", "Bearer agents"),)
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        slow: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(EXPORT)
        waiting = [
            slow.future(slowly(number), timeout=30, metadata=headers)
            for number in range(otlp_grpc.THREADS + 4)
        ]
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            one = export.future(body("one more", "acme"), timeout=0.5, metadata=headers)
            if one.exception() and one.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                break
        else:
            pytest.fail("every call was taken")
        trailers = {str(key): value for key, value in one.trailing_metadata() or ()}
        pause = trailers["google.rpc.retryinfo-bin"]
        assert isinstance(pause, bytes)
        assert 0 < RetryInfo.FromString(pause).retry_delay.seconds <= 5
        going.set()
        assert [call.result(timeout=30) for call in waiting] == [b""] * len(waiting)


def test_a_sender_that_is_not_known_cannot_make_the_collector_read(collector: Collector) -> None:
    """The answer comes before the message does, over both protocols."""
    with grpc.insecure_channel(collector.grpc_endpoint) as channel:
        slow: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(EXPORT)
        silent = threading.Event()

        def nothing() -> Iterator[bytes]:
            silent.wait(20)
            yield from ()

        with pytest.raises(grpc.RpcError) as caught:
            slow(nothing(), timeout=10)
        silent.set()
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    connection = http.client.HTTPConnection(collector.http_endpoint.removeprefix("http://"))
    try:
        connection.putrequest("POST", "/v1/traces")
        connection.putheader("Content-Length", "1000000")
        connection.endheaders()
        assert connection.getresponse().status == 401
    finally:
        connection.close()
