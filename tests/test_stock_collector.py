"""A stock OpenTelemetry Collector in front, as a gateway: compression, tenants, retries.

Needs its binary: PARTYWALL_OTELCOL, or otelcol, otelcol-contrib on the PATH; skipped without one.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store

BINARY = os.environ.get("PARTYWALL_OTELCOL") or next(
    filter(None, map(shutil.which, ("otelcol", "otelcol-contrib"))), None
)
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no OpenTelemetry Collector: set PARTYWALL_OTELCOL to its binary"
)
CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters:
  otlp_grpc:
    endpoint: {grpc}
    tls: {{insecure: true}}
    compression: gzip
    headers: {{authorization: "Bearer gateway", x-scope-orgid: acme}}
    retry_on_failure: {{initial_interval: 200ms}}
  otlp_http:
    endpoint: {http}
    compression: zstd
    headers: {{authorization: "Bearer gateway", X-Scope-OrgID: fjord}}
    retry_on_failure: {{initial_interval: 200ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def stock(folder: Path, grpc: str, http: str) -> Generator[str]:
    """A running stock collector; gives the URL that takes traces."""
    port = free_port()
    path = folder / "otelcol.yaml"
    path.write_text(CONFIG.format(port=port, grpc=grpc, http=http))
    assert BINARY is not None
    with (folder / "otelcol.log").open("wb") as log:
        process = subprocess.Popen([BINARY, "--config", str(path)], stderr=log, stdout=log)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1/traces"
    finally:
        process.terminate()
        process.wait(30)


def span(name: str, tenant: str) -> ReadableSpan:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("stock")
    started = tracer.start_span(name, attributes={"partywall.tenant.id": tenant})
    started.end()
    assert isinstance(started, ReadableSpan)
    return started


def send(url: str, *spans: ReadableSpan) -> None:
    exporter = OTLPSpanExporter(url, timeout=10)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()


def names(store: Store, table: str) -> list[tuple[str, str]]:
    column = "tenant_id" if table == "spans" else "reason"
    rows = store.rows(f"SELECT name, {column} AS told FROM {table} ORDER BY name, told")
    return [(row["name"], row["told"]) for row in rows]


def wait_for(collector: Collector, spans: int) -> None:
    deadline = time.monotonic() + 40
    while collector.stats().accepted_spans < spans and time.monotonic() < deadline:
        time.sleep(0.1)
    assert collector.stats().accepted_spans == spans
    assert collector.drain(30)


def test_a_stock_collector_in_front_names_the_tenant_and_comes_back(
    store: Store, tmp_path: Path
) -> None:
    """gzip over gRPC and zstd over HTTP; each exporter's tenant binds, the rest is quarantined.

    While the collector is away the stock one keeps the spans and delivers them afterwards.
    """
    gateway = Principal(
        id="gateway",
        tenants=("acme", "fjord"),
        token_sha256=sha256(b"gateway").hexdigest(),
        roles=("gateway",),
    )
    write([Tenant(id="acme"), Tenant(id="fjord"), gateway], store)
    ends = {"grpc": f"127.0.0.1:{free_port()}", "http": f"127.0.0.1:{free_port()}"}
    config = Config.default(store.url, **ends)
    with stock(tmp_path, ends["grpc"], f"http://{ends['http']}") as url:
        with Collector(store, config) as collector:
            send(url, span("one", "acme"), span("two", "fjord"))
            wait_for(collector, 4)
        assert names(store, "spans") == [("one", "acme"), ("two", "fjord")]
        assert names(store, "quarantine") == [("one", "foreign tenant"), ("two", "foreign tenant")]
        send(url, span("while away", "acme"))
        time.sleep(0.5)
        with Collector(store, config) as collector:
            wait_for(collector, 2)
    assert ("while away", "acme") in names(store, "spans")
