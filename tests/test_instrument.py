"""`instrument`: spans go over a real socket to a real OTLP receiver, in a process of its own.

The tracer provider is one for each process and can be set once, so every test runs an agent as a
subprocess and looks at what arrived.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,  # pyright: ignore[reportUnknownVariableType]: generated
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import attributes

DOCS = Path(__file__).parent.parent / "docs" / "instrumentation.md"
AGENT = """
import partywall
partywall.instrument({arguments})

@partywall.tool
def look_up(customer):
    return customer

with partywall.session(tenant="acme", request="REQ-7"):
    look_up("secret-argument")
"""


@dataclass
class Receiver:
    """What an OTLP receiver was sent."""

    endpoint: str
    requests: list[ExportTraceServiceRequest] = field(
        default_factory=list[ExportTraceServiceRequest]
    )
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    paths: list[str] = field(default_factory=list[str])

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if span.name != attributes.SESSION_CLOSE
        ]

    def resource(self) -> dict[str, str]:
        (request,) = self.requests
        (resource,) = request.resource_spans
        return {said.key: said.value.string_value for said in resource.resource.attributes}


def said(span: Span) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in span.attributes}


@pytest.fixture
def http_receiver() -> Iterator[Receiver]:
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(ExportTraceServiceRequest.FromString(body))
            receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
            receiver.paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not on the test's stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@pytest.fixture
def grpc_receiver() -> Iterator[Receiver]:
    receiver = Receiver("")

    class Servicer(TraceServiceServicer):
        def Export(
            self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> ExportTraceServiceResponse:
            receiver.requests.append(request)
            receiver.headers.append({k: str(v) for k, v in context.invocation_metadata()})
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(Servicer(), server)
    receiver.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield receiver
    server.stop(None).wait()


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_one_call_sends_bound_spans_with_the_token(http_receiver: Receiver) -> None:
    """What is made just before the process ends arrives too, and nothing that was passed in."""
    arguments = f"endpoint={http_receiver.endpoint!r}, token='t-1', service='billing'"
    done = run(AGENT.format(arguments=arguments))
    assert (done.returncode, done.stderr) == (0, "")
    (span,) = http_receiver.spans
    assert span.name == "execute_tool look_up"
    assert said(span)[attributes.TENANT_ID] == "acme"
    assert said(span)[attributes.REQUEST_ID] == "REQ-7"
    assert http_receiver.paths == ["/v1/traces"]
    assert http_receiver.headers[0]["authorization"] == "Bearer t-1"
    assert http_receiver.resource()["service.name"] == "billing"
    assert b"secret-argument" not in http_receiver.requests[0].SerializeToString()


def test_grpc_is_one_argument_away(grpc_receiver: Receiver) -> None:
    arguments = f"endpoint={grpc_receiver.endpoint!r}, token='t-1', protocol='grpc'"
    done = run(AGENT.format(arguments=arguments), OTEL_EXPORTER_OTLP_HEADERS="x-extra=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [said(span)[attributes.TENANT_ID] for span in grpc_receiver.spans] == ["acme"]
    assert grpc_receiver.headers[0]["authorization"] == "Bearer t-1"
    assert grpc_receiver.headers[0]["x-extra"] == "1"


def test_without_arguments_the_environment_decides(http_receiver: Receiver) -> None:
    done = run(
        AGENT.format(arguments=""),
        OTEL_EXPORTER_OTLP_ENDPOINT=http_receiver.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20t-2",
        OTEL_SERVICE_NAME="from-environment",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(http_receiver.spans) == 1
    assert http_receiver.headers[0]["authorization"] == "Bearer t-2"
    assert http_receiver.resource()["service.name"] == "from-environment"


def test_a_second_call_changes_nothing(http_receiver: Receiver) -> None:
    """One export of each span, and the same provider."""
    code = AGENT.format(arguments=f"endpoint={http_receiver.endpoint!r}")
    again = f"assert partywall.instrument(endpoint={http_receiver.endpoint!r}) is not None\n"
    first, _, rest = code.partition("\n@partywall.tool")
    done = run(f"{first}{again}partywall.instrument()\n@partywall.tool{rest}")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(http_receiver.spans) == 1


def test_a_provider_that_is_there_keeps_its_own_export(http_receiver: Receiver) -> None:
    """Our stamping is added to it; we export nothing that nobody asked us to."""
    setup = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, ConsoleSpanExporter
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
"""
    done = run(
        setup + AGENT.format(arguments="") + "assert partywall.instrument() is provider",
        OTEL_EXPORTER_OTLP_ENDPOINT=http_receiver.endpoint,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"partywall.tenant.id": "acme"' in done.stdout
    assert not http_receiver.requests


def test_a_model_call_with_many_attributes_keeps_its_tenant(http_receiver: Receiver) -> None:
    """Flattened messages pass the SDK's limit of 128, which drops the oldest attributes first."""
    code = f"""
import partywall
tracer = partywall.instrument(endpoint={http_receiver.endpoint!r}).get_tracer("a framework")
with partywall.session(tenant="acme"), tracer.start_as_current_span("chat") as span:
    span.set_attributes({{f"llm.input_messages.{{n}}": n for n in range(300)}})
"""
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert said(http_receiver.spans[0])[attributes.TENANT_ID] == "acme"


def test_a_collector_that_is_down_does_not_disturb_the_agent() -> None:
    """The agent's own result and exit code stand; OpenTelemetry says what it could not send."""
    code = AGENT.format(arguments="endpoint='http://127.0.0.1:9'") + "print('work done')"
    done = run(code, OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert done.returncode == 0
    assert done.stdout == "work done\n"


def test_exporting_can_be_turned_off_from_outside(http_receiver: Receiver) -> None:
    done = run(
        AGENT.format(arguments=""),
        OTEL_TRACES_EXPORTER="none",
        OTEL_EXPORTER_OTLP_ENDPOINT=http_receiver.endpoint,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not http_receiver.requests


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            "endpoint='localhost:4318'",
            "endpoint 'localhost:4318' has no scheme: write http://localhost:4318",
        ),
        ("protocol='http/json'", "protocol 'http/json' (argument, PARTYWALL_PROTOCOL or "),
        ("endpoint='http://localhost:4318', token='t 1'", "the token holds white space"),
    ],
)
def test_a_wrong_setting_is_said_at_once(arguments: str, complaint: str) -> None:
    done = run(AGENT.format(arguments=arguments))
    assert done.returncode == 1
    assert f"InstrumentError: {complaint}" in done.stderr


def test_a_provider_of_another_make_is_named() -> None:
    code = """
from opentelemetry import trace
trace.set_tracer_provider(trace.NoOpTracerProvider())
import partywall
partywall.instrument()
"""
    assert "InstrumentError: this process traces with opentelemetry.trace.NoOp" in run(code).stderr


def test_the_guides_first_example_runs_as_it_stands(http_receiver: Receiver) -> None:
    """But for the address, which is the test's receiver here."""
    page = DOCS.read_text(encoding="utf-8")
    example = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[0]
    assert "http://localhost:4318" in example
    done = run(example.replace("http://localhost:4318", http_receiver.endpoint))
    assert (done.stdout, done.stderr) == ("Acme Logistics owes 12 EUR\n", "")
    (span,) = http_receiver.spans
    assert said(span)[attributes.TENANT_ID] == "acme"
    assert said(span)[attributes.DATASET_ID] == "postgres://crm/acme.invoices"
