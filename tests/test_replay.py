"""`partywall replay`: files go over the wire, and every span is accounted for."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from partywall import attributes
from partywall_collector.commands.registry import main as registry
from partywall_collector.commands.replay import main
from partywall_collector.otlp_files import OtlpFile
from partywall_collector.otlp_sender import GrpcTransport, HttpTransport
from partywall_collector.replaying import Summary, Target, replay
from partywall_collector.store import open_store

TENANTS = ("acme", "fjord")


def request(trace: int, tenant: str, spans: int = 3) -> ExportTraceServiceRequest:
    """One trace; without a tenant where none is given."""
    claims = [KeyValue(key=attributes.TENANT_ID, value=AnyValue(string_value=tenant))]
    made = [
        Span(
            trace_id=trace.to_bytes(16, "big"),
            span_id=(trace * 1000 + number).to_bytes(8, "big"),
            name="execute_tool",
            start_time_unix_nano=1_788_292_287_000_000_000 + number,
            end_time_unix_nano=1_788_292_288_000_000_000 + number,
            attributes=claims if tenant else [],
        )
        for number in range(1, spans + 1)
    ]
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=made)])]
    )


def delimited(message: ExportTraceServiceRequest) -> bytes:
    body = message.SerializeToString()
    length, prefix = len(body), bytearray()
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes([*prefix, length]) + body


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    path = tmp_path / "registry.yaml"
    path.write_text("tenants: [{id: acme}, {id: fjord}]")
    return path


def good(tmp_path: Path, traces: int = 40) -> Path:
    path = tmp_path / "good.binpb.gz"
    path.write_bytes(
        gzip.compress(b"".join(delimited(request(n, TENANTS[n % 2])) for n in range(1, traces + 1)))
    )
    return path


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_every_span_is_in_its_tenants_table(
    tmp_path: Path, tenants: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0, the sums agree, and the store has what the summary says."""
    url = f"chdb://{tmp_path}/home"
    code = main([str(good(tmp_path)), "--registry", str(tenants), "--store", url, "--json"])
    summary = as_json(capsys)
    assert code == 0
    assert summary["read_requests"] == 40
    assert summary["read_spans"] == summary["acknowledged_spans"] == 120
    assert summary["accepted"] == {"acme": 60, "fjord": 60}
    assert (summary["traces"], summary["quarantined"], summary["agree"]) == (40, {}, True)
    with open_store(url, role="reader") as store:
        rows = store.rows("SELECT tenant_id, count() AS n FROM spans GROUP BY 1 ORDER BY 1")
    assert rows == [{"tenant_id": "acme", "n": 60}, {"tenant_id": "fjord", "n": 60}]


def test_what_is_refused_or_damaged_is_counted_with_its_reason(
    tmp_path: Path, tenants: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; a file that ends in the middle gives what was whole, and the next file comes."""
    mixed = tmp_path / "mixed.binpb"
    records = [request(1, "acme"), request(2, ""), request(3, "nobody", spans=2)]
    mixed.write_bytes(b"".join(map(delimited, records)))
    cut = tmp_path / "cut.binpb"
    cut.write_bytes(delimited(request(4, "fjord")) + delimited(request(5, "fjord"))[:-9])
    last = tmp_path / "last.binpb"
    last.write_bytes(delimited(request(6, "acme")))
    files = [str(path) for path in (mixed, cut, last)]
    url = f"chdb://{tmp_path}/home"
    assert main([*files, "--registry", str(tenants), "--store", url, "--json"]) == 1
    summary = as_json(capsys)
    assert summary["accepted"] == {"acme": 6, "fjord": 3}
    assert summary["quarantined"] == {"no tenant": 3, "unknown tenant": 2}
    assert summary["agree"]
    assert summary["read_spans"] == 14
    [damage] = summary["damaged"]
    assert "cut.binpb: request 2 at byte" in damage
    assert "the file ends in the middle of it" in damage

    assert main([str(last), "--store", url]) == 0
    said = capsys.readouterr().out
    assert "accepted 3 in 1 traces and quarantined 0: together all that was read" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.binpb"], "cannot be read"),
        (["registry.yaml"], "Known endings"),
        (["good.binpb.gz", "--registry", "none.yaml"], "nothing was sent"),
        (["good.binpb.gz", "--store", "mysql://x"], "is no store"),
        (["good.binpb.gz", "--endpoint", "ftp://x"], "write http://HOST:4318"),
        (["good.binpb.gz", "--endpoint", "http://x:port"], "write http://HOST:4318"),
    ],
)
def test_what_cannot_run_is_said_before_anything_is_sent(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    tenants: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 and a sentence."""
    good(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_running_collector_is_sent_to_over_http_and_grpc(
    tmp_path: Path, tenants: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside `partywall collect`; with the store named, the sums are checked there."""
    url, config = f"chdb://{tmp_path}/home", tmp_path / "config.yaml"
    text = (Path(__file__).parent.parent / "otel-config.yaml").read_text("utf-8")
    http, grpc, health = free_port(), free_port(), free_port()
    config.write_text(
        text.replace("127.0.0.1:4317", f"127.0.0.1:{grpc}")
        .replace("127.0.0.1:4318", f"127.0.0.1:{http}")
        .replace("  health_check:\n", f"  health_check: {{endpoint: 127.0.0.1:{health}}}\n")
        .replace("127.0.0.1:8888", "127.0.0.1:0")
    )
    assert registry(["load", str(tenants), "--store", url]) == 0
    ways = (["--endpoint", f"http://127.0.0.1:{http}"], ["--grpc", f"127.0.0.1:{grpc}"])
    tokens: list[str] = []  # of a principal each, or the second way would repeat the first
    for number in range(len(ways)):
        assert registry(["token", f"agents-{number}", "--tenant", "*", "--store", url]) == 0
        tokens.append(capsys.readouterr().out.splitlines()[-1])
    path = str(good(tmp_path))
    with collecting(config, url):
        assert registry(["load", str(tenants), "--store", url]) == 0
        capsys.readouterr()
        assert main([path, "--store", url]) == 2
        assert "--endpoint http://127.0.0.1:4318" in capsys.readouterr().err
        for way, token in zip(ways, tokens, strict=True):
            assert main([path, *way, "--token", token, "--store", url, "--json"]) == 0
            summary = as_json(capsys)
            assert summary["agree"]
            assert summary["accepted"] == {"acme": 60, "fjord": 60}
            assert main([path, *way, "--token", token, "--json"]) == 0
            again = as_json(capsys)
            assert (again["agree"], again["acknowledged_spans"]) == (None, 120)
            assert again["repeated_spans"] == 120
            assert main([path, *way, "--token", "wrong"]) == 2
            assert "partywall registry token" in capsys.readouterr().err


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def collecting(config: Path, url: str) -> Generator[None]:
    """A `partywall collect` of its own process."""
    command = [sys.executable, "-m", "partywall", "collect"]
    process = subprocess.Popen(
        [*command, "--config", str(config), "--store", url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            assert any(line.strip() == "ready" for line in process.stdout)
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0


Answer = Callable[[int], tuple[int, dict[str, str], bytes]]


@contextmanager
def answering(answer: Answer) -> Generator[tuple[str, list[int]]]:
    """A server that answers its n-th request as told; the list has the spans of those taken."""
    taken: list[int] = []
    lock, count = threading.Lock(), 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal count
            body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            spans = ExportTraceServiceRequest.FromString(body)
            with lock:
                count += 1
                number = count
            status, headers, text = answer(number)
            if status == 200:
                taken.append(sum(len(s.spans) for r in spans.resource_spans for s in r.scope_spans))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def replayed(path: Path, url: str) -> Summary:
    summary = replay([OtlpFile(path)], Target(lambda: HttpTransport(url, "t")))
    return replace(summary, seconds=0)


def test_a_busy_collector_is_asked_again_after_the_pause_it_names(tmp_path: Path) -> None:
    """429 and 503 are no failures; every span arrives once."""
    refusals: list[tuple[int, dict[str, str], bytes]]
    refusals = [(429, {"Retry-After": "0"}, b""), (503, {}, b""), (502, {"Retry-After": "x"}, b"")]

    def answer(number: int) -> tuple[int, dict[str, str], bytes]:
        return refusals[number - 1] if number <= len(refusals) else (200, {}, b"")

    with answering(answer) as (url, taken):
        summary = replayed(good(tmp_path), url)
    assert sum(taken) == summary.acknowledged_spans == summary.read_spans == 120
    assert (summary.retries, summary.exit_code) == (3, 0)


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (413, b"", "413"),
        (400, b"\x12\x05wrong", "wrong"),
        (404, b"<html>", "<html>"),
        (200, b"<html>", "is this a collector's endpoint?"),
    ],
)
def test_a_refusal_for_good_ends_the_sending(
    tmp_path: Path, status: int, text: bytes, said: str
) -> None:
    """With what the collector said; nothing counts as acknowledged."""
    with answering(lambda _: (status, {}, text)) as (url, _):
        summary = replayed(good(tmp_path), url)
    assert said in summary.error
    assert (summary.acknowledged_spans, summary.exit_code) == (0, 2)


def test_a_mistyped_address_is_given_up_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits two minutes for a port where nothing ever answered."""
    monkeypatch.setattr("partywall_collector.otlp_sender.FIRST_PATIENCE", 0.5)
    path = good(tmp_path)
    assert (
        "given up after 0 s: no answer" in replayed(path, f"http://127.0.0.1:{free_port()}").error
    )
    target = Target(lambda: GrpcTransport(f"127.0.0.1:{free_port()}", "t"))
    assert "UNAVAILABLE" in replay([OtlpFile(path)], target).error


def test_a_token_that_no_header_can_carry_is_said(tmp_path: Path) -> None:
    """A failure that nobody foresaw ends the sending too, and does not hang it."""
    with answering(lambda _: (200, {}, b"")) as (url, _):
        summary = replay([OtlpFile(good(tmp_path))], Target(lambda: HttpTransport(url, "a\nb")))
    assert "cannot be sent" in summary.error


def test_spans_that_come_back_are_counted(tmp_path: Path) -> None:
    """A partial success is no success."""
    part = ExportTracePartialSuccess(rejected_spans=20, error_message="no room")
    text = ExportTraceServiceResponse(partial_success=part).SerializeToString()
    with answering(lambda _: (200, {}, text)) as (url, _):
        summary = replayed(good(tmp_path), url)
    assert (summary.acknowledged_spans, summary.rejected_spans) == (100, 20)
    assert summary.exit_code == 1


def test_ctrl_c_stops_cleanly_and_says_what_was_acknowledged(tmp_path: Path) -> None:
    """What the collector has is what the summary says; exit code 130."""
    path = tmp_path / "long.binpb"
    with path.open("wb") as file:
        for number in range(1, 200):
            file.write(delimited(request(number, "acme", spans=500)))
    heard = threading.Event()

    def answer(number: int) -> tuple[int, dict[str, str], bytes]:
        if number > 2:
            heard.set()
            time.sleep(0.5)
        return 200, {}, b""

    with answering(answer) as (url, taken):
        command = [sys.executable, "-m", "partywall", "replay", str(path), "--endpoint", url]
        process = subprocess.Popen(
            [*command, "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PARTYWALL_TOKEN": "t"},
        )
        assert heard.wait(30)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    summary = json.loads(out)
    assert process.returncode == 130
    assert summary["interrupted"]
    assert 0 < summary["acknowledged_spans"] == sum(taken) < 99_500
