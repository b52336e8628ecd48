"""The memory limiter: above the limit senders are asked to come back, and nothing else is done."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from waiting import wait_for

from partywall_collector import memory
from partywall_collector.collector import Collector
from partywall_collector.component_values import Duration
from partywall_collector.components import MemoryLimiter
from partywall_collector.config import Config
from partywall_collector.machine import MIB, of_machine
from partywall_collector.memory import Memory
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store

OFTEN = Duration(0.001)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('memory')}/home", role="owner") as store:
        digest = sha256(b"good").hexdigest()
        agents = Principal(id="agents", tenants=("acme",), token_sha256=digest)
        write([Tenant(id="acme"), agents], store)
        yield store


def spans() -> list[ReadableSpan]:
    provider = TracerProvider()
    with provider.get_tracer("test").start_as_current_span("work") as span:
        pass
    provider.shutdown()
    assert isinstance(span, ReadableSpan)
    return [span]


def test_the_real_exporters_come_back_when_there_is_memory_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused with 503 and UNAVAILABLE before the body is read, delivered afterwards."""
    held = [900 * MIB]
    monkeypatch.setattr(memory, "resident", lambda: held[0])
    limiter = MemoryLimiter(check_interval=OFTEN, limit_mib=1000, spike_limit_mib=200)
    config = replace(Config.default(store.url), memory_limiter=limiter)
    with Collector(store, config) as collector:
        header = {"authorization": "Bearer good"}
        exporters: list[SpanExporter] = [
            GrpcExporter(endpoint=collector.grpc_endpoint, insecure=True, headers=header),
            HttpExporter(endpoint=f"{collector.http_endpoint}/v1/traces", headers=header),
        ]
        results: list[SpanExportResult] = []

        def send(exporter: SpanExporter) -> None:
            results.append(exporter.export(spans()))

        threads = [threading.Thread(target=send, args=(one,)) for one in exporters]
        for thread in threads:
            thread.start()
        wait_for(lambda: collector.stats().refused.get("memory", 0) >= 2)
        assert collector.stats().accepted_requests == 0
        held[0] = 800 * MIB
        for thread in threads:
            thread.join()
        for exporter in exporters:
            exporter.shutdown()
    assert results == [SpanExportResult.SUCCESS] * 2


def test_the_memory_of_the_process_is_what_counts() -> None:
    """What a process takes is seen, and held against the memory of the machine."""
    before = memory.resident()
    taken = b"x" * (64 * MIB)
    assert memory.resident() - before > 32 * MIB
    assert len(taken) < memory.resident() < of_machine()


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        (MemoryLimiter(limit_percentage=50), 0.4),
        (MemoryLimiter(limit_percentage=50, spike_limit_percentage=5), 0.45),
    ],
)
def test_a_percentage_is_of_the_machine(settings: MemoryLimiter, share: float) -> None:
    """Limit and spike both; without a spike a fifth of the limit is kept free."""
    assert Memory(settings).most == pytest.approx(share * of_machine(), rel=1e-6)


def test_mebibytes_win_over_a_percentage() -> None:
    """As in the stock collector."""
    assert Memory(MemoryLimiter(limit_mib=100, limit_percentage=1)).most == 80 * MIB


def test_the_memory_is_not_measured_at_each_request() -> None:
    """What was found holds for the interval."""
    measured: list[int] = []

    def measure() -> int:
        measured.append(1)
        return 2 * MIB

    limited = Memory(MemoryLimiter(check_interval=Duration(60.0), limit_mib=1), measure)
    assert [limited.is_short() for _ in range(9)] == [True] * 9
    assert len(measured) == 1
