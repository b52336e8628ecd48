"""Facts at export: they are taken from what a span says, and nothing that was said leaves.

Real spans go through the real exporter; the canaries are searched for in bytes from a real socket.
"""

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from partywall import attributes, identifiers, redaction, settings
from partywall.facts import FactsExporter
from partywall.fingerprint_keys import parse

KEY = "0123456789abcdef" * 4


class Tracing:
    """A tracer whose spans go through the wrapper into memory."""

    def __init__(self, content: bool) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        wrapper = FactsExporter(self.memory, content=content)
        self.provider.add_span_processor(SimpleSpanProcessor(wrapper))
        self.tracer = self.provider.get_tracer("a framework")

    def tool(self, name: str = "look_up", **said: Any) -> ReadableSpan:
        with self.tracer.start_as_current_span(f"execute_tool {name}") as span:
            span.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name})
            span.set_attributes({key.replace("__", "."): value for key, value in said.items()})
        return self.memory.get_finished_spans()[-1]

    def named(self, name: str) -> ReadableSpan:
        return next(span for span in self.memory.get_finished_spans() if span.name == name)


@pytest.fixture
def traced() -> Tracing:
    return Tracing(content=False)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setenv(settings.FINGERPRINT_KEY.name, KEY)
    return parse(KEY)[0].secret


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def accesses(span: ReadableSpan) -> list[tuple[object, object]]:
    """The datasets of a span, its own first."""
    said = [facts(span), *(dict(event.attributes or {}) for event in span.events)]
    return [
        (each[attributes.DATASET_ID], each.get(attributes.DATASET_OPERATION))
        for each in said
        if attributes.DATASET_ID in each
    ]


def fingerprint(key: bytes, kind: str, value: str) -> str:
    return str(identifiers.fingerprint(key, kind, value))


def test_content_leaves_fingerprints_and_a_count_behind(traced: Tracing, key: bytes) -> None:
    """What was said is gone, whom it named can still be matched under the key."""
    span = traced.tool(
        gen_ai__tool__call__arguments='{"to": "Ann@Example.com"}',
        gen_ai__tool__call__result='{"iban": "DE89 3704 0044 0532 0130 00"}',
    )
    said = facts(span)
    assert said[attributes.VALUES_IN] == (fingerprint(key, "email", "ann@example.com"),)
    assert said[attributes.VALUES_OUT] == (fingerprint(key, "iban", "DE89370400440532013000"),)
    assert said[attributes.CONTENT_DROPPED] == 2
    assert len(said[attributes.VALUES_EPOCH]) == 8
    assert not any(name.startswith("gen_ai.tool.call") for name in said)


def test_content_that_is_turned_on_leaves_but_secrets_do_not(key: bytes) -> None:
    traced = Tracing(content=True)
    span = traced.tool(gen_ai__tool__call__arguments="Bearer abcdefgh12345678 for ann@example.com")
    said = facts(span)
    assert said["gen_ai.tool.call.arguments"] == "[secret] for ann@example.com"
    assert said[attributes.VALUES_IN]
    assert attributes.CONTENT_DROPPED not in said


def test_the_events_of_strands_are_read_and_emptied(traced: Tracing, key: bytes) -> None:
    """Some agents keep arguments and results in events."""
    with traced.tracer.start_as_current_span("execute_tool mail") as span:
        span.set_attribute("gen_ai.operation.name", "execute_tool")
        span.add_event("gen_ai.tool.message", {"content": '{"to": "ann@example.com"}', "id": "1"})
        span.add_event("gen_ai.choice", {"message": "sent to bob@example.com"})
    ended = traced.memory.get_finished_spans()[0]
    assert facts(ended)[attributes.VALUES_IN] == (fingerprint(key, "email", "ann@example.com"),)
    assert facts(ended)[attributes.VALUES_OUT] == (fingerprint(key, "email", "bob@example.com"),)
    assert [dict(event.attributes or {}) for event in ended.events] == [{"id": "1"}, {}]


@pytest.mark.parametrize(
    ("key_text", "missing"), [("", "no key"), ("abcd", "bad key"), ("not hexadecimal", "bad key")]
)
def test_a_missing_or_short_key_is_said_once_and_recorded(
    traced: Tracing,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    key_text: str,
    missing: str,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("partywall.fingerprint_keys._sources", {})
    monkeypatch.setenv(settings.FINGERPRINT_KEY.name, key_text)
    for _ in range(3):
        span = traced.tool(gen_ai__tool__call__arguments="ann@example.com")
        assert facts(span)[attributes.VALUES_MISSING] == missing
        assert attributes.VALUES_IN not in facts(span)
    assert caplog.text.count(settings.FINGERPRINT_KEY.name + " ") == 1
    assert not key_text or key_text not in caplog.text


def test_a_tool_says_what_the_clients_inside_it_touched(traced: Tracing) -> None:
    """A database is a call of its own; an HTTP request tells the tool above it."""
    with traced.tracer.start_as_current_span("execute_tool sync") as tool:
        tool.set_attribute("gen_ai.operation.name", "execute_tool")
        with traced.tracer.start_as_current_span("SELECT") as span:
            span.set_attributes(
                {
                    "db.system.name": "postgresql",
                    "server.address": "crm",
                    "server.port": 5432,
                    "db.namespace": "acme|public",
                    "db.query.text": "SELECT * FROM invoices JOIN people USING (id)",
                }
            )
        with (
            traced.tracer.start_as_current_span("in between"),
            traced.tracer.start_as_current_span("POST") as span,
        ):
            span.set_attributes(
                {"url.full": "https://api.example.com/v1?q=1", "http.request.method": "POST"}
            )
    assert accesses(traced.named("SELECT")) == [
        ("postgres://crm:5432/acme.public.invoices", "read"),
        ("postgres://crm:5432/acme.public.people", "read"),
    ]
    tool_span = traced.named("execute_tool sync")
    assert accesses(tool_span) == [("https://api.example.com", "send")]
    assert facts(tool_span)[attributes.PARTY_ID] == "api.example.com"
    assert facts(tool_span)[attributes.PARTY_KIND] == "url"
    assert "url.full" not in facts(traced.named("POST"))


def test_what_a_model_client_requests_is_no_call_of_the_agent(traced: Tracing) -> None:
    with traced.tracer.start_as_current_span("execute_tool ask") as tool:
        tool.set_attribute("gen_ai.operation.name", "execute_tool")
        with traced.tracer.start_as_current_span("chat") as chat:
            chat.set_attribute("gen_ai.operation.name", "chat")
            with traced.tracer.start_as_current_span("POST") as span:
                span.set_attributes(
                    {"url.full": "https://models.example/v1", "http.request.method": "POST"}
                )
    assert accesses(traced.named("execute_tool ask")) == []


def test_what_the_tool_says_itself_wins(traced: Tracing) -> None:
    with traced.tracer.start_as_current_span("execute_tool ask") as tool:
        tool.set_attribute("gen_ai.operation.name", "execute_tool")
        tool.add_event(attributes.DATASET_ACCESS, {attributes.DATASET_ID: "crm/acme"})
        with traced.tracer.start_as_current_span("GET") as span:
            span.set_attributes({"url.full": "https://x.example/", "http.request.method": "GET"})
    assert accesses(traced.named("execute_tool ask")) == [("crm/acme", None)]


class Hostile(SpanExporter):
    """An exporter that is down."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_an_exporter_that_is_down_is_passed_on() -> None:
    assert FactsExporter(Hostile()).export([]) is SpanExportResult.FAILURE


def test_a_long_argument_is_bounded_and_recorded(traced: Tracing, key: bytes) -> None:
    """Ten megabytes cost milliseconds; what was not read is recorded as missing."""
    text = "ann@example.com " + "x" * 10_000_000
    started = time.perf_counter()
    span = traced.tool(gen_ai__tool__call__arguments=text)
    assert time.perf_counter() - started < 1
    assert facts(span)[attributes.VALUES_MISSING] == "too long"
    assert facts(span)[attributes.VALUES_IN] == (fingerprint(key, "email", "ann@example.com"),)


def test_fingerprints_are_capped_and_the_rest_counted(traced: Tracing, key: bytes) -> None:
    mailboxes = " ".join(f"user{n}@example.com" for n in range(100))
    said = facts(
        traced.tool(gen_ai__tool__call__arguments=mailboxes, gen_ai__tool__call__result=mailboxes)
    )
    assert len(said[attributes.VALUES_IN]) == len(said[attributes.VALUES_OUT]) == 64
    assert said[attributes.VALUES_DROPPED] == 72


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer abcdef0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdef0123456789abcdef0123",
        "xoxb-123456789012-abcdef",
        "sk-proj-0123456789abcdef0123",
        "postgres://app:hunter22@db/crm",
        "password=hunter22",
        '{"api_key": "hunter22"}',
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_is_masked_wherever_it_stands(secret: str) -> None:
    """In an attribute that nobody foresaw, also inside a list or a map."""
    kept, _ = redaction.kept({"note": secret, "notes": ["a", secret], "map": {"k": secret}}, True)
    text = json.dumps(kept)
    assert text.count(redaction.MASK) == 3
    for part in ("hunter22", "abcdef", "sdWIi", "EXAMPLE", "MIIEow"):
        assert part not in text


def test_ordinary_values_are_left_as_they_are() -> None:
    """Ids, names of datasets and parties are what the record is made of."""
    said = {
        "partywall.session.id": "0b9f4a52-8f0e-4f54-9f4e-0a3f4a8f0e4f",
        "server.address": "db.internal",
        "gen_ai.tool.description": "Basic understanding of bearer instruments",
        attributes.DATASET_ID: "postgres://crm:5432/acme.public.secrets",
        attributes.IDENTITY_ID: "spiffe://msp.example/agent/basic-billing",
        "n": 12,
        "list": ("a", "b"),
        "gen_ai.usage.input_tokens": 4,
    }
    kept, dropped = redaction.kept(said, False)
    assert (kept | {"list": tuple(kept["list"])}, dropped) == (said, 0)  # pyright: ignore[reportArgumentType, reportUnknownArgumentType] # a list


def test_a_status_keeps_the_type_of_the_error_only(traced: Tracing) -> None:
    with traced.tracer.start_as_current_span("x") as span:
        span.set_status(Status(StatusCode.ERROR, "ValueError: hunter22\nTraceback ..."))
    with traced.tracer.start_as_current_span("y") as span:
        span.set_status(Status(StatusCode.ERROR, "hunter22 failed"))
    first, second = traced.memory.get_finished_spans()
    assert first.status.description == "ValueError"
    assert second.status.description is None


CANARY = "canary7f3a"
AGENT = """
import asyncio, sys, partywall
from opentelemetry import baggage, context, trace
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

partywall.instrument(endpoint={endpoint!r}, token="t-1")
Agent.instrument_all()
agent = Agent(TestModel(custom_output_text="CANARY answer"), system_prompt="CANARY system")

@agent.tool_plain
@partywall.tool(dataset="crm/acme")
def read_record(customer: str) -> str:
    partywall.dataset("crm/acme.more")
    return "CANARY result ann@example.com"

@agent.tool_plain
def plain(customer: str) -> dict:
    return {{"CANARY": ["CANARY", customer]}}

@partywall.tool
def failing(secret):
    raise ValueError("CANARY in an exception")

tracer = trace.get_tracer("x")
with partywall.session(tenant="acme", request="REQ-7"):
    token = context.attach(baggage.set_baggage("note", "CANARY"))
    agent.run_sync("CANARY prompt")
    try:
        failing("CANARY argument")
    except ValueError:
        pass
    for error in (RuntimeError("CANARY"), KeyError("CANARY")):
        try:
            with tracer.start_as_current_span("execute_tool x", attributes={{
                    "input.value": "CANARY", "output.value": "CANARY",
                    "gen_ai.prompt.0.content": "CANARY",
                    "db.query.text": "SELECT 'CANARY'", "url.full": "https://x.example/?CANARY",
                    "header": "Bearer CANARYCANARY", "password": "CANARY"}}):
                raise error
        except Exception:
            pass
    context.detach(token)
"""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            bodies.append(gzip.decompress(body) if zipped else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not on the test's stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("content", ["0", "1"])
def test_no_canary_is_in_the_bytes_that_leave(
    receiver: tuple[str, list[bytes]], content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts, arguments, results, exceptions, status and baggage of a real agent: 0 hits."""
    endpoint, bodies = receiver
    monkeypatch.setenv(settings.CONTENT.name, content)
    monkeypatch.setenv(settings.FINGERPRINT_KEY.name, KEY)
    code = AGENT.format(endpoint=endpoint).replace("CANARY", CANARY)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    sent = b"".join(bodies)
    for expected in (b"execute_tool read_record", b"crm/acme.more", b"partywall.values.out"):
        assert expected in sent
    hits = sent.count(CANARY.encode())
    assert hits == 0 if content == "0" else hits > 10


def test_a_span_that_cannot_be_read_is_sent_without_what_it_says(
    traced: Tracing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of ours neither breaks the agent nor lets content out."""

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(redaction, "kept", broken)
    span = traced.tool(gen_ai__tool__call__arguments="x", partywall__tenant__id="acme")
    assert facts(span)[attributes.TENANT_ID] == "acme"
    assert "gen_ai.tool.call.arguments" not in facts(span)
    assert "said once" in caplog.text or "sent without content" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_in_the_middle_of_an_export_blocks_nothing(tmp_path: Path) -> None:
    """The child's first export does not wait for a lock that a thread of its parent holds."""
    code = """
import os, threading, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from partywall.facts import FactsExporter

wrapper = FactsExporter(InMemorySpanExporter())
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(wrapper))
tracer = provider.get_tracer("x")
lock = wrapper._lock
threading.Thread(target=lambda: lock.acquire() and time.sleep(1), daemon=True).start()
time.sleep(0.1)
if os.fork() == 0:
    with tracer.start_as_current_span("a"):
        with tracer.start_as_current_span("b", attributes={"url.full": "https://x.example"}):
            pass
    os._exit(7)
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False, cwd=tmp_path)
    assert done.returncode == 7
