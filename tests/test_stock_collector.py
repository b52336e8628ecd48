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


DEPLOYED = Path(__file__).parent.parent / "deploy" / "gateway" / "otel-collector.yaml"
HERE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:{port}"}}}}}}
extensions: {{file_storage: {{directory: {queue}}}}}
exporters:
  otlp/partywall: {{endpoint: {grpc}, retry_on_failure: {{initial_interval: 200ms}}}}
service: {{telemetry: {{metrics: {{level: none}}}}}}
"""
"""What of the deployed file is another machine's."""


@contextmanager
def stock(folder: Path, *configs: str | Path, port: int) -> Generator[str]:
    """A running stock collector; gives the URL that takes traces. It is killed, not stopped."""
    paths: list[str] = []
    for number, config in enumerate(configs):
        path = config if isinstance(config, Path) else folder / f"otelcol-{number}.yaml"
        if isinstance(config, str):
            path.write_text(config)
        paths += ["--config", str(path)]
    assert BINARY is not None
    environment = os.environ | {"PARTYWALL_TOKEN": "gateway"}
    with (folder / "otelcol.log").open("ab") as log:
        process = subprocess.Popen([BINARY, *paths], stderr=log, stdout=log, env=environment)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1/traces"
    finally:
        process.kill()
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


def admit_gateway(store: Store) -> None:
    """Two tenants, and the principal of the stock collector, which forwards for both."""
    gateway = Principal(
        id="gateway",
        tenants=("acme", "fjord"),
        token_sha256=sha256(b"gateway").hexdigest(),
        roles=("gateway",),
    )
    write([Tenant(id="acme"), Tenant(id="fjord"), gateway], store)


def test_a_stock_collector_in_front_names_the_tenant_and_comes_back(
    store: Store, tmp_path: Path
) -> None:
    """gzip over gRPC and zstd over HTTP; each exporter's tenant binds, the rest is quarantined.

    While the collector is away the stock one keeps the spans and delivers them afterwards.
    """
    admit_gateway(store)
    ends = {"grpc": f"127.0.0.1:{free_port()}", "http": f"127.0.0.1:{free_port()}"}
    port = free_port()
    stock_config = CONFIG.format(port=port, grpc=ends["grpc"], http=f"http://{ends['http']}")
    config = Config.default(store.url, **ends)
    with stock(tmp_path, stock_config, port=port) as url:
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


def test_the_deployed_gateway_loses_nothing_though_it_is_killed(
    store: Store, tmp_path: Path
) -> None:
    """`deploy/gateway/`: what it took while the collector was away is on disk, and comes once."""
    admit_gateway(store)
    grpc, port = f"127.0.0.1:{free_port()}", free_port()
    here = HERE.format(port=port, grpc=grpc, queue=tmp_path / "queue")
    with stock(tmp_path, DEPLOYED, here, port=port) as url:
        send(url, span("one", "acme"), span("two", "fjord"))
        time.sleep(0.5)
    config = Config.default(store.url, grpc=grpc, http="127.0.0.1:0")
    with stock(tmp_path, DEPLOYED, here, port=port), Collector(store, config) as collector:
        wait_for(collector, 2)
    assert names(store, "spans") == [("one", "acme"), ("two", "fjord")]
    assert names(store, "quarantine") == []
