"""`partywall up` as an operator runs it: one process, everything on one store, one Ctrl-C."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from partywall import attributes
from partywall_analyzer import OPERATOR, list_findings, who
from partywall_collector.registry.load import load, write
from partywall_collector.registry.model import Principal
from partywall_collector.store import Store, open_store
from partywall_dashboard.process import free_port

PARTYWALL = [sys.executable, "-m", "partywall"]
REGISTRY = """
tenants: [{id: acme, name: Acme Logistics}, {id: fjord, name: Fjord Bank}]
datasets:
  - {pattern: "crm/acme/*", owner: acme}
  - {pattern: "crm/fjord/*", owner: fjord}
"""
CONFIG = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
        auth: {{authenticator: registry_auth}}
processors: {{tenant_router: }}
exporters: {{clickhouse: {{endpoint: "{store}"}}}}
extensions: {{registry_auth: {{refresh_interval: 1s}}}}
service:
  extensions: [registry_auth]
  pipelines:
    traces: {{receivers: [otlp], processors: [tenant_router], exporters: [clickhouse]}}
"""
ALERTS = "{targets: {stdout: {}}, routes: [{target: stdout, tenant: acme, severity: low}]}"
TOKEN = "a-token-of-this-test"
WITHIN = 60.0


class Up:
    """`partywall up` on free ports."""

    def __init__(self, folder: Path) -> None:
        self.said = ""
        self.store = f"chdb://{folder / 'home'}"
        self.otlp, self.port = free_port(), free_port()
        config = folder / "otel-config.yaml"
        config.write_text(CONFIG.format(port=self.otlp, store=self.store))
        alerts = folder / "alerts.yaml"
        alerts.write_text(ALERTS)
        files = ["--config", config, "--alerts", alerts]
        self.process = subprocess.Popen(
            [*PARTYWALL, "up", *files, "--port", str(self.port), "--interval", "0.5"],
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_ready(self) -> str:
        """The box with the addresses."""
        shown = ""
        assert self.process.stdout
        for line in self.process.stdout:
            shown += line
            if "Ctrl-C" in line:
                return shown
        raise AssertionError(self.process.communicate()[1])

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; the exit code and what was said on stderr."""
        self.process.send_signal(signal.SIGINT)
        self.said, complaint = self.process.communicate(timeout=WITHIN)
        return self.process.returncode, complaint


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Started, and gone at the end whatever happens."""
    started = Up(tmp_path)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.communicate()


def send(up: Up, token: str, tenant: str, dataset: str) -> None:
    """One tool call through the real exporter."""
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{up.otlp}/v1/traces", headers={"authorization": f"Bearer {token}"}
    )
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("execute_tool read") as span:
        span.set_attribute("gen_ai.operation.name", "execute_tool")
        span.set_attribute("gen_ai.tool.name", "read")
        span.set_attribute(attributes.TENANT_ID, tenant)
        span.set_attribute(attributes.SESSION_ID, "s-1")
        span.set_attribute(attributes.DATASET_ID, dataset)
        span.set_attribute(attributes.DATASET_OPERATION, "read")
    provider.shutdown()


def findings(store: Store) -> list[tuple[str, str]]:
    """From whom to whom, once the loop has found something."""
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        if rows := list_findings(store, OPERATOR).rows:
            return [(found.from_tenant, found.to_tenant) for found in rows]
        time.sleep(0.2)
    return []


def test_a_span_sent_to_up_becomes_a_finding_and_ctrl_c_ends_in_order(
    up: Up, tmp_path: Path
) -> None:
    """Collect, analyse, show; other commands share the store; nothing is lost at the end."""
    box = up.wait_ready()
    assert f"http://127.0.0.1:{up.port}" in box
    assert "nobody may send yet" in box
    registry = tmp_path / "registry.yaml"
    registry.write_text(REGISTRY)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    with open_store(up.store, role="writer") as store:
        load([registry], store)
        write([Principal(id="agents@acme", tenants=("acme",), token_sha256=digest)], store)
    time.sleep(1.5)  # the collector reads new principals each second
    send(up, TOKEN, "acme", "crm/fjord/contacts")
    with urlopen(f"http://127.0.0.1:{up.port}/_stcore/health") as answer:
        assert answer.status == 200
    with open_store(up.store, role="reader") as store:
        assert findings(store) == [("acme", "fjord")]
    send(up, TOKEN, "acme", "crm/acme/contacts")  # acknowledged just before the end
    code, complaint = up.stop()
    assert code == 0, complaint
    assert "Traceback" not in complaint
    (alert,) = [json.loads(line) for line in up.said.splitlines() if line.startswith("{")]
    assert (alert["type"], alert["data"]["tenant"]) == ("partywall.finding.found", "acme")
    with open_store(up.store, role="reader") as store:
        assert who(store, OPERATOR, dataset="crm/acme/contacts")


def test_a_dashboard_that_dies_is_told_and_everything_is_stopped(up: Up) -> None:
    """Exit code 2 and a sentence, not half a system that goes on."""
    up.wait_ready()
    children = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(up.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    dashboards = [line.split()[0] for line in children.splitlines() if "dashboard" in line]
    os.kill(int(dashboards[0]), signal.SIGKILL)
    _, complaint = up.process.communicate(timeout=WITHIN)
    assert up.process.returncode == 2
    assert "the dashboard ended by itself" in complaint
    assert "Traceback" not in complaint


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    """The port is named, and no store is made."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*PARTYWALL, "up", "--store", f"chdb://{tmp_path / 'home'}", "--port", port],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert port in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "home").exists()
