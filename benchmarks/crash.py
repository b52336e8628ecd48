"""kill -9 of a real collector under load, again and again; then each acknowledged span is sought.

    python benchmarks/crash.py --kills 200

Four clients (two over gRPC, two over HTTP) send exports of 1 to 40 spans and note which ones were
acknowledged. Like a real exporter they send one again that was not, also to the next life of the
collector: it may have been stored, with only its acknowledgement lost. After the last start and a
graceful stop each span is searched in `spans` and in `quarantine` and compared: its name, its
tenant and an attribute of random text. The last line is one JSON object; the exit code is 1 when a
span was lost, doubled, changed or came from nowhere.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import attributes
from partywall_collector.store import open_store

TENANTS = ("acme", "fjord", "msp")
TOKEN = "crash"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
RECONNECT = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
LONGEST_START = 3.0
LONGEST_LIFE = 0.8
START_PATIENCE = 60.0
LOAD_PATIENCE = 600.0
"""Seconds for what the kills left in the spool; many short lives load little of it."""

READY = "\nready\n"

Spans = dict[str, str]
"""Span id -> its name, tenant and note."""
TRIES = 6
"""How often an export is sent before it is given up."""
NOTE = "work.note"


class Ledger:
    """What was sent and what of it was acknowledged, by export; an export is one trace."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent: dict[str, Spans] = {}
        self.acknowledged: set[str] = set()
        self.retries = 0

    def new(self) -> tuple[str, bytes]:
        """The next export: its trace id and its body."""
        with self._lock:
            number = len(self.sent) + 1
            trace = number.to_bytes(16)
            self.sent[trace.hex()] = {}
        message = ExportTraceServiceRequest()
        scope = message.resource_spans.add().scope_spans.add()
        spans: Spans = {}
        for index in range(random.randint(1, 40)):
            span_id = (number << 16 | index + 1).to_bytes(8)
            name = f"work {random.getrandbits(64)}"
            span = scope.spans.add(name=name, trace_id=trace, span_id=span_id)
            span.start_time_unix_nano = time.time_ns()
            # One tenant in eight is not the sender's: those spans belong in quarantine.
            tenant = "stranger" if random.random() < 0.125 else random.choice(TENANTS)
            span.attributes.add(key=attributes.TENANT_ID).value.string_value = tenant
            note = random.randbytes(random.randint(0, 60)).hex()
            span.attributes.add(key=NOTE).value.string_value = note
            spans[span_id.hex()] = f"{name} {tenant} {note}"
        with self._lock:
            self.sent[trace.hex()] = spans
        return trace.hex(), message.SerializeToString()

    def failed(self) -> None:
        with self._lock:
            self.retries += 1

    def acknowledge(self, trace: str) -> None:
        with self._lock:
            self.acknowledged.add(trace)


def send_over_grpc(endpoint: str) -> Callable[[bytes], None]:
    """A client that raises where an export is not acknowledged."""
    channel = grpc.insecure_channel(endpoint, options=RECONNECT)
    export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
    metadata = (("authorization", f"Bearer {TOKEN}"),)

    def send(body: bytes) -> None:
        export(body, metadata=metadata, timeout=5)

    return send


def send_over_http(endpoint: str) -> Callable[[bytes], None]:
    """The same over HTTP, one connection an export."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-protobuf"}

    def send(body: bytes) -> None:
        connection = http.client.HTTPConnection(endpoint, timeout=5)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/traces", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(answer.status)

    return send


def client(send: Callable[[bytes], None], ledger: Ledger, stopped: threading.Event) -> None:
    """Send until stopped; an export that fails is sent again a few times."""
    while not stopped.is_set():
        trace, body = ledger.new()
        for _ in range(TRIES):
            try:
                send(body)
            except (OSError, http.client.HTTPException, grpc.RpcError):
                ledger.failed()
                if stopped.wait(random.uniform(0.05, 1.0)):
                    break
            else:
                ledger.acknowledge(trace)
                break
        stopped.wait(0.01)


@contextmanager
def clients(ledger: Ledger, grpc_endpoint: str, http_endpoint: str) -> Generator[None]:
    """Four clients, at work until the block ends."""
    stopped = threading.Event()
    senders = [send_over_grpc(grpc_endpoint), send_over_http(http_endpoint)] * 2
    threads = [threading.Thread(target=client, args=(send, ledger, stopped)) for send in senders]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def free_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


class Collected:
    """`partywall collect` on a store, started and killed at will."""

    def __init__(self, folder: Path) -> None:
        self.url = f"chdb://{folder / 'home'}"
        self.grpc, self.http = free_endpoint(), free_endpoint()
        self._log = folder / "collect.log"
        self._spool = folder / "home" / "spool"
        config = Path(__file__).parent.parent / "otel-config.yaml"
        protocols = "receivers.otlp.protocols"
        settings = [
            f"{protocols}.grpc.endpoint={self.grpc}",
            f"{protocols}.http.endpoint={self.http}",
            f"extensions.health_check.endpoint={free_endpoint()}",
            f"service.telemetry.metrics.address={free_endpoint()}",
        ]
        sets = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "partywall", "collect", "--config", str(config)]
        self._command = [*command, "--store", self.url, *sets]

    def start(self) -> "subprocess.Popen[bytes]":
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            return subprocess.Popen(self._command, stdout=log, stderr=log)
        finally:
            os.close(log)

    def wait_ready(self, process: "subprocess.Popen[bytes]", starts: int) -> None:
        """Wait until the start of this number says that it is ready."""
        deadline = time.monotonic() + START_PATIENCE
        while self.log().count(READY) < starts:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the collector does not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def wait_loaded(self) -> None:
        """Wait until nothing acknowledged is in the spool any more."""
        deadline = time.monotonic() + LOAD_PATIENCE
        while self._waiting():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the spool is not loaded:\n{self.log()[-3000:]}")
            time.sleep(0.5)

    def _waiting(self) -> bool:
        with contextlib.suppress(FileNotFoundError):  # one that is loaded goes away
            return any(
                file.name != "lock" and file.stat().st_size for file in self._spool.iterdir()
            )
        return True

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def register(url: str) -> None:
    """Three tenants and the one principal that may write for them."""
    now = datetime.now(UTC)
    with open_store(url, role="owner") as store:
        rows = [
            {"tenant_id": tenant, "placement": tenant, "recorded_at": now} for tenant in TENANTS
        ]
        store.insert("tenants", rows)
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        principal = {"principal_id": "crash", "tenants": TENANTS, "token_sha256": digest}
        store.insert("principals", [{**principal, "recorded_at": now}])


def stored(url: str) -> dict[str, Counter[tuple[str, str]]]:
    """What the store holds: trace -> (span id, content) -> how often."""
    sql = """
        SELECT
            lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
            concat(name, ' ', tenant_id, ' ', attributes[{note:String}]) AS content
        FROM spans
        UNION ALL
        SELECT
            trace_id, span_id,
            concat(name, ' ', claimed_tenants[1], ' ', arrayFirst(
                attribute -> attribute.1 = {note:String},
                JSONExtract(span, 'attributes', 'Array(Tuple(key String, value String))')).2)
        FROM quarantine
    """
    found: dict[str, Counter[tuple[str, str]]] = {}
    with open_store(url, role="owner") as store:
        for row in store.rows(sql, {"note": NOTE}):
            found.setdefault(row["trace"], Counter())[row["span"], row["content"]] += 1
    return found


def compare(ledger: Ledger, found: dict[str, Counter[tuple[str, str]]]) -> dict[str, int]:
    """Counts of spans that are not as they must be; all zero but the last two when all is well."""
    lost = doubled = strange = torn = unacknowledged = 0
    for trace, spans in ledger.sent.items():
        there = found.get(trace, Counter[tuple[str, str]]())
        doubled += sum(count - 1 for count in there.values())
        strange += sum(1 for key in there if key not in spans.items())
        missing = sum(1 for key in spans.items() if key not in there)
        if trace in ledger.acknowledged:
            lost += missing
        elif there:
            unacknowledged += 1
            torn += missing  # an export that was not acknowledged is there whole or not at all
    strange += sum(
        sum(there.values()) for trace, there in found.items() if trace not in ledger.sent
    )
    acknowledged = sum(len(ledger.sent[trace]) for trace in ledger.acknowledged)
    return {
        "lost": lost,
        "doubled": doubled,
        "strange": strange,
        "torn": torn,
        "unacknowledged_exports_stored": unacknowledged,
        "acknowledged": acknowledged,
    }


def run(kills: int, folder: Path) -> dict[str, float]:
    """Kill a collector this many times, let it recover, and compare."""
    began = time.monotonic()
    collected, ledger = Collected(folder), Ledger()
    register(collected.url)
    with clients(ledger, collected.grpc, collected.http):
        for number in range(kills):
            starts = collected.log().count(READY)
            process = collected.start()
            if number % 4:
                collected.wait_ready(process, starts + 1)
                time.sleep(random.uniform(0, LONGEST_LIFE))
            else:  # every fourth kill may hit the start itself
                time.sleep(random.uniform(0, LONGEST_START))
            process.kill()
            process.wait()
            print(f"kill {number + 1}: {len(ledger.acknowledged)} acknowledged", file=sys.stderr)
        starts = collected.log().count(READY)
        process = collected.start()
        collected.wait_ready(process, starts + 1)
        time.sleep(0.5)
    collected.wait_loaded()
    process.send_signal(signal.SIGTERM)
    if process.wait(START_PATIENCE) != 0:
        raise RuntimeError(f"the collector does not stop well:\n{collected.log()[-3000:]}")
    result = compare(ledger, stored(collected.url))
    exports = len(ledger.acknowledged)
    seconds = round(time.monotonic() - began, 1)
    return {
        "kills": kills,
        **result,
        "acknowledged_exports": exports,
        "failed_sends": ledger.retries,
        "seconds": seconds,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, help="repeat a run's random choices")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="partywall-crash-") as folder:
        result = run(arguments.kills, Path(folder))
    print(json.dumps(result))
    return 1 if any(result[key] for key in ("lost", "doubled", "strange", "torn")) else 0


if __name__ == "__main__":
    raise SystemExit(main())
