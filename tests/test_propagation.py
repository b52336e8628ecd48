"""The binding reaches the hosts that it is meant for, over real sockets, and nobody else."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.server.mcpserver import MCPServer
from opentelemetry import baggage, propagate, trace
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import partywall
from partywall import attributes, propagation, settings


@pytest.fixture(autouse=True)
def said_anew(memory: InMemorySpanExporter) -> None:
    propagation._said.clear()  # pyright: ignore[reportPrivateUsage]: what was said once, anew


@pytest.fixture
def allow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *hosts: monkeypatch.setenv(settings.PROPAGATE_HOSTS.name, ",".join(hosts))


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.TRUST_INBOUND.name, "1")


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A host of its own, and the headers that it received."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not on the test's stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}", received
        running.shutdown()
        thread.join()


@pytest.fixture
def instrumented_requests() -> Iterator[None]:
    instrumentor = RequestsInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()


def served(carrier: Any) -> str:
    """The tenant for which a server works that trusts what it was sent."""
    with partywall.extract(carrier) as session:
        return session.tenant if session else ""


# --- out ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("instrumented_requests")
def test_an_instrumented_client_sends_the_binding_to_a_host_on_the_list(
    allow: Callable[..., None], server: tuple[str, list[dict[str, str]]]
) -> None:
    """No line of ours at the call: the span of the request says whom it goes to."""
    host, received = server
    allow(host)
    with partywall.session(tenant="acme", request="REQ-7", session="s-1"):
        requests.get(f"http://{host}/", timeout=5)
    assert "traceparent" in received[0]
    with partywall.extract(received[0]) as session:
        assert session is not None
        assert (session.tenant, session.request, session.id) == ("acme", "REQ-7", "s-1")


@pytest.mark.usefixtures("instrumented_requests", "trusting")
@pytest.mark.parametrize("hosts", [(), ("crm.internal",), ("127.0.0.1:1",), ("mcp",)])
def test_a_host_that_is_not_on_the_list_receives_nothing_of_ours(
    allow: Callable[..., None], server: tuple[str, list[dict[str, str]]], hosts: tuple[str, ...]
) -> None:
    """Neither of the session that is open, nor of what a caller had sent to us."""
    allow(*hosts)
    inbound = {"baggage": "partywall.tenant.id=acme,partywall.session.id=s-1,color=blue"}
    context = propagate.extract(inbound, context=Context())
    token = context_api.attach(context)
    try:
        session = partywall.current_session()
        assert session is not None
        assert session.tenant == "acme"
        requests.get(f"http://{server[0]}/", timeout=5)
    finally:
        context_api.detach(token)
    (headers,) = server[1]
    assert headers["baggage"] == "color=blue"
    assert "acme" not in str(headers)
    assert "partywall" not in str(headers)


@pytest.mark.parametrize(
    ("pattern", "host", "reaches"),
    [
        ("crm.internal", "crm.internal", True),
        ("crm.internal", "CRM.internal:8080", True),
        ("crm.internal", "https://crm.internal./x?y=z", True),
        ("crm.internal:8080", "crm.internal:8080", True),
        ("crm.internal:443", "https://crm.internal/", True),
        ("crm.internal:8080", "crm.internal", False),
        ("*.svc.example", "a.b.svc.example", True),
        ("*.svc.example", "svc.example", False),
        ("*.svc.example", "evil-svc.example", False),
        ("crm.internal", "crm.internal.evil.example", False),
        ("crm.internal", "http://crm.internal@evil.example/", False),
        ("crm.internal", "http://evil.example\\@crm.internal/", False),
        ("crm.internal", "http://evil.example/crm.internal", False),
        ("crm.internal", "http://evil.example#crm.internal", False),
        ("crm.internal", "", False),
        ("crm.internal", "http://[::1", False),
        ("[::1]:80", "http://[::1]/", True),
        ("*", "anything.example", True),
    ],
)
def test_the_list_names_hosts_and_no_way_around_it(
    allow: Callable[..., None], pattern: str, host: str, reaches: bool
) -> None:
    allow(pattern)
    headers: dict[str, str] = {}
    with partywall.session(tenant="acme"):
        partywall.inject(headers, host=host)
    assert (served(headers) == "acme") is reaches
    assert ("baggage" in headers) is reaches


def test_a_span_of_a_server_is_not_taken_for_the_host_of_a_request(
    allow: Callable[..., None],
) -> None:
    """Its address is our own; a message that is sent within it may go anywhere."""
    allow("crm.internal")
    tracer = trace.get_tracer("a framework")
    with partywall.session(tenant="acme"):
        for kind, reaches in ((SpanKind.SERVER, False), (SpanKind.CLIENT, True)):
            said = {"server.address": "crm.internal"}
            with tracer.start_as_current_span("call", kind=kind, attributes=said):
                headers: dict[str, str] = {}
                propagate.inject(headers)
            assert ("partywall" in headers.get("baggage", "")) is reaches


def test_a_host_that_is_left_out_is_named_once(
    allow: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    allow("crm.internal")
    with partywall.session(tenant="acme"):
        partywall.inject({}, host="mail.example")
        partywall.inject({}, host="mail.example")
    (record,) = caplog.records
    assert "not sent to 'mail.example', which is not on the allow-list" in record.getMessage()


def test_a_binding_over_the_limits_is_not_sent_in_part(
    allow: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """Half a binding would be another one; without any the far side says that it is unbound."""
    allow("*")
    for request in ("x" * 5000, "ü" * 2000):
        headers: dict[str, str] = {}
        with partywall.session(tenant="acme", request=request):
            partywall.inject(headers, host="crm.internal")
        assert "baggage" not in headers
    assert "passes the limits of W3C baggage (4096 bytes" in caplog.text


def test_baggage_of_others_never_crowds_the_binding_out(allow: Callable[..., None]) -> None:
    allow("*")
    context = context_api.get_current()
    for n in range(300):
        context = baggage.set_baggage(f"other-{n}", "x" * 50, context)
    headers: dict[str, str] = {}
    token = context_api.attach(context)
    try:
        with partywall.session(tenant="acme"):
            partywall.inject(headers, host="crm.internal")
    finally:
        context_api.detach(token)
    assert served(headers) == "acme"
    assert len(headers["baggage"]) <= propagation.LONGEST_HEADER


@given(
    st.text(min_size=1, max_size=60).filter(str.strip),
    st.text(max_size=60),
    st.lists(st.text(min_size=1, max_size=20), max_size=5),
)
def test_any_text_travels(tenant: str, request: str, actors: list[str]) -> None:
    """Commas, equal signs, spaces, quotes and other alphabets arrive as they were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.PROPAGATE_HOSTS.name, "*")
        headers: dict[str, str] = {}
        with partywall.session(tenant=tenant, request=request, actors=actors) as sent:
            partywall.inject(headers, host="crm.internal")
        forgotten = {name: value for name, value in headers.items() if name != "traceparent"}
        forgotten["baggage"] = ",".join(
            member
            for member in headers["baggage"].split(",")
            if not member.startswith(attributes.SESSION_PART)
        )
        with partywall.extract(forgotten) as session:
            assert session is not None
            assert session.tenant == sent.tenant.strip()
            assert session.request == sent.request.strip()
            assert session.actors == sent.actors


# --- in ----------------------------------------------------------------------------------------

BOUND = {"baggage": "partywall.tenant.id=acme,partywall.session.id=s-1"}


def test_what_a_caller_sends_is_not_believed_by_default(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = propagate.extract(BOUND, context=Context())
    assert partywall.current_session(context) is None
    assert not baggage.get_all(context), "it is not passed on either"
    assert "is not believed: instrument(trust_inbound=True)" in caplog.text


@pytest.mark.usefixtures("trusting")
def test_what_a_trusted_caller_sends_binds_the_work(memory: InMemorySpanExporter) -> None:
    context = propagate.extract(BOUND, context=Context())
    trace.get_tracer("x").start_span("served", context=context).end()
    (span,) = memory.get_finished_spans()
    said = dict(span.attributes or {})
    assert said[attributes.TENANT_ID] == "acme"
    assert said[attributes.SESSION_ID] == "s-1"
    assert said[attributes.TENANT_SOURCE] == "baggage"


@pytest.mark.usefixtures("trusting")
def test_an_open_session_holds_against_a_caller(caplog: pytest.LogCaptureFixture) -> None:
    """Who opened it knew more than a header does; the difference is said."""
    with partywall.session(tenant="fjord"):
        session = partywall.current_session(propagate.extract(BOUND))
    assert session is not None
    assert session.tenant == "fjord"
    assert "binding to tenant 'acme' where a session of 'fjord' is open" in caplog.text


@pytest.mark.parametrize(
    "carrier",
    [
        BOUND,
        {"Baggage": BOUND["baggage"]},
        {"baggage": [BOUND["baggage"]]},
        [("baggage", BOUND["baggage"])],
        [(b"baggage", BOUND["baggage"].encode())],
        BOUND | {"progressToken": 7},
    ],
    ids=["dict", "capitals", "lists", "pairs", "bytes", "mcp meta"],
)
def test_a_carrier_may_have_any_frameworks_form(carrier: Any) -> None:
    assert served(carrier) == "acme"


@pytest.mark.parametrize(
    "carrier",
    [
        None,
        {},
        {"baggage": ""},
        {"baggage": "partywall.tenant.id="},
        {"baggage": "partywall.tenant.id=%20"},
        {"baggage": "partywall.session.id=s-1"},
        {"baggage": "=,;;=%ZZ,partywall.tenant.id"},
        {"baggage": "x" * 20000},
        {"traceparent": "00-zz"},
    ],
    ids=repr,
)
def test_a_carrier_that_brings_nothing_binds_nothing(carrier: Any) -> None:
    assert served(carrier) == ""


@given(st.text(max_size=300))
def test_no_header_breaks_the_server(header: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.TRUST_INBOUND.name, "1")
        propagate.extract({"baggage": header, "traceparent": header}, context=Context())
        served({"baggage": f"partywall.tenant.id={header}"})


def test_the_block_ends_with_the_message() -> None:
    with partywall.session(tenant="fjord") as outer:
        with partywall.extract(BOUND):
            inner = partywall.current_session()
            assert inner is not None
            assert inner.tenant == "acme"
        assert partywall.current_session() is outer


# --- gRPC --------------------------------------------------------------------------------------


def test_grpc_metadata_carries_the_binding(allow: Callable[..., None]) -> None:
    def handle(_request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = [(key, value) for key, value in context.invocation_metadata()]
        return served(metadata).encode()

    running = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.method_handlers_generic_handler(
        "crm", {"Get": grpc.unary_unary_rpc_method_handler(handle)}
    )
    running.add_generic_rpc_handlers((handler,))
    host = f"127.0.0.1:{running.add_insecure_port('127.0.0.1:0')}"
    running.start()
    allow(host)
    try:
        with grpc.insecure_channel(host) as channel, partywall.session(tenant="acme"):
            metadata: list[tuple[str, str]] = [("Baggage", "old"), ("x", "y")]
            partywall.inject(metadata, host=host)
            assert [name for name, _ in metadata].count("baggage") == 1
            assert ("x", "y") in metadata
            assert channel.unary_unary("/crm/Get")(b"", metadata=tuple(metadata)) == b"acme"
    finally:
        running.stop(None).wait()


# --- MCP ---------------------------------------------------------------------------------------


def crm() -> MCPServer:
    server = MCPServer("crm")

    def look_up() -> str:
        with trace.get_tracer("db").start_as_current_span("query"):
            session = partywall.current_session()
            return session.tenant if session else ""

    server.add_tool(look_up)
    return server


@pytest.mark.usefixtures("trusting")
def test_a_tool_of_an_mcp_server_works_for_the_tenant_of_its_caller(
    allow: Callable[..., None], memory: InMemorySpanExporter
) -> None:
    """Client and server, with no line of ours at the call; one connection for two customers."""
    allow("mcp")

    async def call(client: Client) -> str:
        return str((await client.call_tool("look_up", {})).content)

    async def main() -> None:
        with partywall.session(tenant="whoever-connected-first"):
            async with Client(crm()) as client:
                for tenant in ("acme", "fjord"):
                    with partywall.session(tenant=tenant):
                        assert f"'{tenant}'" in await call(client)

    asyncio.run(main())
    spans = [span for span in memory.get_finished_spans() if span.name == "query"]
    assert [(span.attributes or {})[attributes.TENANT_ID] for span in spans] == ["acme", "fjord"]


SERVER = """
import os
import partywall
partywall.instrument()
from mcp.server.mcpserver import MCPServer
server = MCPServer("crm")
@server.tool()
def look_up() -> str:
    session = partywall.current_session()
    return f"{session.tenant} {session.request} {session.source}" if session else "unbound"
server.run("stdio")
"""


@pytest.mark.parametrize(
    ("hosts", "trust", "answer"),
    [("mcp", "1", "acme REQ-7 baggage"), ("", "1", "unbound"), ("mcp", "0", "unbound")],
    ids=["allowed and trusted", "not allowed", "not trusted"],
)
def test_an_mcp_server_in_a_process_of_its_own_is_bound_by_its_caller(
    allow: Callable[..., None], hosts: str, trust: str, answer: str
) -> None:
    """The server's span stands in the received context; its tool finds the session by that span."""
    allow(hosts)
    environment = {settings.TRUST_INBOUND.name: trust, "OTEL_TRACES_EXPORTER": "none"}
    parameters = StdioServerParameters(command=sys.executable, args=["-c", SERVER], env=environment)

    async def main() -> str:
        async with Client(stdio_client(parameters)) as client:
            with partywall.session(tenant="acme", request="REQ-7"):
                return str((await client.call_tool("look_up", {})).content)

    assert f"'{answer}'" in asyncio.run(main())
