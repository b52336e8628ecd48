"""A program that knows nothing of Partywall is bound: real processes, a real receiver."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import attributes as a
from partywall import grants
from partywall.commands.run import main as run
from partywall_collector.issuer_keys import new_key

BIN = Path(sys.executable).parent
PLAIN = """
    from opentelemetry import trace
    with trace.get_tracer("app").start_as_current_span("work"):
        pass
"""
OWN_PROVIDER = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
    tracer = trace.get_tracer("early")
    {early}
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    with tracer.start_as_current_span("work"):
        pass
    assert trace.get_tracer_provider() is provider
"""
CONFIG = """
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http:
            endpoint: {endpoint}/v1/traces
"""


class Receiver:
    """Takes OTLP over HTTP, and knows what arrived."""

    def __init__(self) -> None:
        self.spans: list[dict[str, str]] = []
        self.tokens: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tokens.add(self.headers.get("Authorization", ""))
                receiver.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    said = {pair.key: pair.value.string_value for pair in span.attributes}
                    if span.name != a.SESSION_CLOSE:
                        self.spans.append(said | {"name": span.name})

    def named(self, name: str) -> list[dict[str, str]]:
        return [span for span in self.spans if span["name"] == name]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write(tmp_path / "agent.py", PLAIN)


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    return path


def environment(**more: str) -> dict[str, str]:
    """Ours, without what the machine may say about tracing."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "PARTYWALL_"))
    }
    kept["PATH"] = f"{BIN}{os.pathsep}{kept.get('PATH', '')}"  # `python` is the one with us in it
    return kept | {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"} | more


def execute(
    command: Sequence[object], more: Mapping[str, str], folder: Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in command],
        env=environment(**more),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def bound(span: Mapping[str, str]) -> tuple[str, str, str]:
    return span[a.TENANT_ID], span.get(a.REQUEST_ID, ""), span[a.TENANT_SOURCE]


# --- opentelemetry-instrument ------------------------------------------------------------------


def vendor(folder: Path) -> Path:
    """Another vendor's distro and configurator, installed in a folder."""
    write(
        folder / "vendor_distro.py",
        """
        import os
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.distro import BaseDistro
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        class Distro(BaseDistro):
            def _configure(self, **kwargs):
                print("the vendor configures")

        class Configurator:
            def configure(self, **kwargs):
                provider = TracerProvider()
                provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
                trace.set_tracer_provider(provider)
        """,
    )
    info = folder / "vendor_distro-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-distro\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_distro]\nvendor = vendor_distro:Distro\n"
        "[opentelemetry_configurator]\nvendor = vendor_distro:Configurator\n"
    )
    return folder


@pytest.mark.parametrize("way", ["stock distro", "other vendor", "OTEL_CONFIG_FILE", "own distro"])
def test_opentelemetry_instrument_binds_whatever_set_up_the_tracing(
    receiver: Receiver, script: Path, tmp_path: Path, way: str
) -> None:
    """The exporters stay those of the distro or the file; each span is there once, and bound."""
    more = {
        "PARTYWALL_TENANT": "acme",
        "PARTYWALL_REQUEST": "REQ-7",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    if way == "other vendor":
        more |= {
            "PYTHONPATH": str(vendor(tmp_path)),
            "OTEL_PYTHON_DISTRO": "vendor",
            "OTEL_PYTHON_CONFIGURATOR": "vendor",
        }
    elif way == "OTEL_CONFIG_FILE":
        file = write(tmp_path / "otel.yaml", CONFIG.format(endpoint=receiver.endpoint))
        more["OTEL_CONFIG_FILE"] = str(file)
    elif way == "own distro":
        more["OTEL_PYTHON_DISTRO"] = "partywall"
    done = execute([BIN / "opentelemetry-instrument", "python", script], more, tmp_path)
    assert [bound(span) for span in receiver.named("work")] == [("acme", "REQ-7", "env")]
    assert ("the vendor configures" in done.stdout) == (way == "other vendor")


def test_our_distro_does_not_win_over_another_that_nobody_named(tmp_path: Path) -> None:
    """To be installed is no reason to be chosen."""
    done = execute(
        [BIN / "opentelemetry-instrument", "python", "-c", "pass"],
        {
            "PYTHONPATH": str(vendor(tmp_path)),
            "OTEL_PYTHON_CONFIGURATOR": "vendor",
            "OTEL_TRACES_EXPORTER": "none",
        },
        tmp_path,
    )
    assert "the vendor configures" in done.stdout


# --- partywall run -----------------------------------------------------------------------------


def start(receiver: Receiver, *words: object) -> list[object]:
    options = ["--tenant", "acme", "--request", "REQ-7", "--endpoint", receiver.endpoint]
    return [BIN / "partywall", "run", *options, "--token", "secret", "--", *words]


@pytest.mark.parametrize("form", ["file", "module", "console script"])
def test_a_program_is_bound_however_it_is_started(
    receiver: Receiver, script: Path, tmp_path: Path, form: str
) -> None:
    """Nobody sets a provider: the process gets ours, and its spans go to the collector."""
    console = write(tmp_path / "agent", f"#!{sys.executable}\n" + textwrap.dedent(PLAIN))
    console.chmod(0o755)
    commands = {
        "file": [sys.executable, script],
        "module": [sys.executable, "-m", "agent"],
        "console script": [console],
    }
    execute(start(receiver, *commands[form]), {}, tmp_path)
    assert [bound(span) for span in receiver.named("work")] == [("acme", "REQ-7", "env")]
    assert receiver.tokens == {"Bearer secret"}


@pytest.mark.parametrize("early", [False, True], ids=["before any span", "after a span"])
def test_a_provider_that_the_program_sets_is_bound_and_stays_its_own(
    receiver: Receiver, tmp_path: Path, early: bool
) -> None:
    """Its own exporter has the span, stamped; the collector has it too, once."""
    first = 'tracer.start_span("first").end()' if early else ""
    script = write(tmp_path / "own.py", OWN_PROVIDER.format(early=first))
    done = execute(start(receiver, sys.executable, script), {}, tmp_path)
    assert f'"{a.TENANT_ID}": "acme"' in done.stdout
    assert done.stdout.count('"name": "work"') == 1
    assert len(receiver.named("work")) == 1
    assert len(receiver.named("first")) == early
    assert {bound(span) for span in receiver.spans} == {("acme", "REQ-7", "env")}
    assert "Overriding" not in done.stderr


def test_children_are_bound_to_the_same_session(receiver: Receiver, tmp_path: Path) -> None:
    """A subprocess and a spawned process, with no word in the program."""
    script = write(
        tmp_path / "parent.py",
        """
        import multiprocessing, subprocess, sys
        from opentelemetry import trace

        def work():
            trace.get_tracer("app").start_span("spawned").end()

        if __name__ == "__main__":
            code = "from opentelemetry import trace; trace.get_tracer('x').start_span('sub').end()"
            subprocess.run([sys.executable, "-c", code], check=True)
            process = multiprocessing.get_context("spawn").Process(target=work)
            process.start()
            process.join()
            trace.get_tracer("app").start_span("parent").end()
        """,
    )
    execute(start(receiver, sys.executable, script), {"PARTYWALL_SESSION": "s-1"}, tmp_path)
    names = {span["name"] for span in receiver.spans}
    assert names >= {"sub", "parent"}
    assert {(bound(span), span[a.SESSION_ID]) for span in receiver.spans} == {
        (("acme", "REQ-7", "env"), "s-1")
    }


def test_exit_codes_and_signals_pass_through(receiver: Receiver, tmp_path: Path) -> None:
    """The command becomes the program: its code, its signals, its arguments."""
    program = "import sys; sys.exit(int(sys.argv[1]))"
    execute(start(receiver, sys.executable, "-c", program, "42"), {}, tmp_path, code=42)
    program = "import sys, time; print('up', flush=True); time.sleep(60)"
    command = [str(word) for word in start(receiver, sys.executable, "-c", program)]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM


def test_a_sitecustomize_of_the_machine_still_runs(
    receiver: Receiver, script: Path, tmp_path: Path
) -> None:
    """Ours stands first on the path; the one that it hides is run as well."""
    other = tmp_path / "machine"
    other.mkdir()
    write(other / "sitecustomize.py", "print('the machine is customised')")
    done = execute(start(receiver, sys.executable, script), {"PYTHONPATH": str(other)}, tmp_path)
    assert done.stdout.count("customised") == 2  # in the command's own process, and the program's
    assert receiver.named("work")


def test_a_program_without_a_tenant_runs_and_its_spans_say_so(
    receiver: Receiver, script: Path, tmp_path: Path
) -> None:
    """There is no default tenant, and nothing breaks."""
    command = [BIN / "partywall", "run", "--endpoint", receiver.endpoint, "--"]
    execute([*command, sys.executable, script], {}, tmp_path)
    [span] = receiver.named("work")
    assert a.TENANT_ID not in span
    assert span[a.TENANT_SOURCE] == "unbound"


def test_a_collector_that_is_down_does_not_change_what_the_program_does(
    script: Path, tmp_path: Path
) -> None:
    command = [BIN / "partywall", "run", "--tenant", "acme", "--endpoint", "http://127.0.0.1:9"]
    more = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    done = subprocess.run(
        [*command, "--", sys.executable, script],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0


# --- Grants and headers ------------------------------------------------------------------------


def grant(**changes: str) -> str:
    said = {"tenant": "acme", "session": "s-1", "request": "REQ-7", "identity": "spiffe://x/y"}
    said |= changes
    return grants.issue(new_key()[0], issuer="i", principal="p", **said)  # pyright: ignore[reportArgumentType] # all of these are text


@pytest.mark.parametrize("way", ["partywall run", "opentelemetry-instrument"])
def test_a_grant_alone_binds_a_process_and_travels_with_its_spans(
    receiver: Receiver, tmp_path: Path, way: str
) -> None:
    """Tenant, session, request and identity are those of the grant; one span of a batch has it."""
    script = write(tmp_path / "two.py", textwrap.dedent(PLAIN) * 2)
    token = grant()
    more = {"PARTYWALL_ENDPOINT": receiver.endpoint, "OTEL_TRACES_EXPORTER": "none"}
    command: list[object] = [BIN / "opentelemetry-instrument"]
    if way == "partywall run":
        command = [BIN / "partywall", "run", "--grant", token, "--"]
    else:
        more["PARTYWALL_GRANT"] = token
    execute([*command, "python", script], more, tmp_path)
    spans = receiver.named("work")
    assert [bound(span) for span in spans] == [("acme", "REQ-7", "env")] * 2
    assert {(span[a.SESSION_ID], span[a.IDENTITY_ID]) for span in spans} == {
        ("s-1", "spiffe://x/y")
    }
    assert [span.get(a.ATTESTATION_GRANT) for span in spans] == [token, None]


@pytest.mark.parametrize("trusted", ["1", "0"])
def test_a_header_binds_what_a_server_does_where_callers_are_trusted(
    receiver: Receiver, tmp_path: Path, trusted: str
) -> None:
    """A gateway writes X-Partywall-Tenant; unless that is turned on, it says nothing."""
    script = write(
        tmp_path / "server.py",
        """
        from wsgiref.util import setup_testing_defaults
        from opentelemetry import trace
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

        def app(environ, start_response):
            trace.get_tracer("app").start_span("inside").end()
            start_response("200 OK", [])
            return [b""]

        environ = {"HTTP_X_PARTYWALL_TENANT": "acme", "HTTP_X_PARTYWALL_REQUEST": "REQ-7"}
        setup_testing_defaults(environ)
        list(OpenTelemetryMiddleware(app)(environ, lambda *said: None))
        """,
    )
    command = [BIN / "partywall", "run", "--endpoint", receiver.endpoint, "--"]
    execute([*command, sys.executable, script], {"PARTYWALL_TRUST_INBOUND": trusted}, tmp_path)
    tenants = {span["name"]: span.get(a.TENANT_ID) for span in receiver.spans}
    assert tenants == dict.fromkeys(("GET /", "inside"), "acme" if trusted == "1" else None)


# --- What is wrong is said before anything runs ------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tenant", "acme"], "what shall run"),
        (["--tenant", "", "--", "true"], "--tenant is empty"),
        (["--endpoint", "localhost:4318", "--", "true"], "http://localhost:4318"),
        (["--token", "a b", "--", "true"], "white space"),
        (["--grant", "no.grant.atall", "--", "true"], "grant cannot be used"),
        (["--grant", grant(), "--tenant", "fjord", "--", "true"], "PARTYWALL_TENANT=acme"),
        (["--", "no-such-program-anywhere"], "is it installed"),
    ],
    ids=["nothing", "empty tenant", "no scheme", "token", "no grant", "other tenant", "program"],
)
def test_a_wrong_option_is_refused_with_the_way_out(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    text = capsys.readouterr().err
    assert text.startswith("partywall run: ")
    assert said in text
