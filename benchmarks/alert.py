"""From a tool call to its alert: `partywall up --alerts`, a real exporter, a real receiver.

    uv run python benchmarks/alert.py --crossings 60

Each crossing is one tool call of one tenant's agent against a dataset of another one, exported over
OTLP as soon as it ends, as an SDK without batching does it. The clock runs from the end of the call
to the moment at which the signed webhook has arrived. Calls come at random moments, so that they
fall anywhere between two looks. The last line is one JSON object: `crossings`, `lost`, `p50_s`,
`p99_s`, `max_s`, `interval_s` and `cpu_s` of `partywall up`.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import psutil
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from partywall import attributes
from partywall_collector.registry.load import load, write
from partywall_collector.registry.model import Principal
from partywall_collector.store import open_store

TOKEN: Final = "a-token-of-this-benchmark"
PATIENCE: Final = 60.0
REGISTRY: Final = """
tenants: [{id: acme, name: Acme Logistics}, {id: fjord, name: Fjord Bank}]
datasets: [{pattern: "crm/fjord/*", owner: fjord}]
"""
CONFIG: Final = """
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{otlp}", auth: {{authenticator: registry_auth}}}}
processors: {{tenant_router: }}
exporters: {{clickhouse: {{endpoint: "{store}"}}}}
extensions: {{registry_auth: {{refresh_interval: 1s}}}}
service:
  extensions: [registry_auth]
  pipelines:
    traces: {{receivers: [otlp], processors: [tenant_router], exporters: [clickhouse]}}
"""
ALERTS: Final = """
targets: {{webhook: {{url: "http://127.0.0.1:{hook}/", secret: "${{env:HOOK_SECRET}}"}}}}
routes: [{{target: webhook, operator: true, severity: low}}]
"""


class Hook:
    """Notes when the alert of each session arrived first."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                body = self.rfile.read(int(self.headers["content-length"]))
                finding: dict[str, Any] = json.loads(body)["data"]["finding"]
                hook.arrived.setdefault(finding["session_id"], at)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def call(provider: TracerProvider, session: str) -> float:
    """One tool call through the wall; when it ended."""
    with provider.get_tracer("benchmark").start_as_current_span("execute_tool update") as span:
        span.set_attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "update",
                attributes.TENANT_ID: "acme",
                attributes.SESSION_ID: session,
                attributes.DATASET_ID: "crm/fjord/contacts",
                attributes.DATASET_OPERATION: "write",
            }
        )
        ended = time.time()
    return ended


def measure(folder: Path, crossings: int, interval: float, seed: int) -> dict[str, Any]:
    """Run everything once; the figures."""
    pick, hook = random.Random(seed), Hook()
    store, otlp = f"chdb://{folder / 'home'}", free_port()
    (folder / "otel-config.yaml").write_text(CONFIG.format(otlp=otlp, store=store))
    (folder / "alerts.yaml").write_text(ALERTS.format(hook=hook.port))
    (folder / "registry.yaml").write_text(REGISTRY)
    with open_store(store, role="owner") as opened:
        load([folder / "registry.yaml"], opened)
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        write([Principal(id="agents@acme", tenants=("acme",), token_sha256=digest)], opened)
    command = [sys.executable, "-m", "partywall", "up", "--no-dashboard"]
    files = ["--config", folder / "otel-config.yaml", "--alerts", folder / "alerts.yaml"]
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    up = subprocess.Popen(
        [*command, *files, "--interval", str(interval)],
        env=os.environ | {"PYTHONUNBUFFERED": "1", "HOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout
    for line in up.stdout:
        if "Ctrl-C" in line:
            break
    threading.Thread(target=up.stdout.read, daemon=True).start()
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{otlp}/v1/traces", headers={"authorization": f"Bearer {TOKEN}"}
    )
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    call(provider, "warm-up")
    wait(hook, ["warm-up"])
    ended: dict[str, float] = {}
    for number in range(crossings):
        ended[f"session-{number}"] = call(provider, f"session-{number}")
        time.sleep(pick.uniform(0.1, 0.9))
    wait(hook, list(ended))
    used = psutil.Process(up.pid).cpu_times()
    up.send_signal(signal.SIGINT)
    up.wait(PATIENCE)
    provider.shutdown()
    hook.close()
    took = [hook.arrived[name] - at for name, at in ended.items() if name in hook.arrived]
    cuts = quantiles(took, n=100, method="inclusive")
    return {
        "crossings": crossings,
        "lost": crossings - len(took),
        "p50_s": round(cuts[49], 3),
        "p99_s": round(cuts[98], 3),
        "max_s": round(max(took), 3),
        "interval_s": interval,
        "cpu_s": round(used.user + used.system, 1),
    }


def wait(hook: Hook, sessions: Sequence[str]) -> None:
    """Until all have arrived, or patience ends."""
    until = time.monotonic() + PATIENCE
    while not set(sessions) <= set(hook.arrived) and time.monotonic() < until:
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return server.server_port


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 1 where an alert was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crossings", type=int, default=60)
    parser.add_argument("--interval", type=float, default=2.0, help="of `partywall up`")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="partywall-alert-") as folder:
        figures = measure(Path(folder), options.crossings, options.interval, options.seed)
    print(json.dumps(figures))
    return int(figures["lost"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
