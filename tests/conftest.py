"""Fixtures that several test files share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from exported import Spans
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall_collector.store import Store, open_store


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a store without a row; making the tables takes longer than a copy."""
    home = tmp_path_factory.mktemp("empty") / "home"
    open_store(f"chdb://{home}", role="owner").close()
    return home


@pytest.fixture
def home(tmp_path: Path, empty_home: Path) -> Path:
    """The home folder of an empty store that nobody has open."""
    return shutil.copytree(empty_home, tmp_path / "home", symlinks=True)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty embedded store of its own.

    One process holds one chDB path at a time, so a test that opens another path closes this first.
    """
    with open_store(f"chdb://{home}", role="owner") as store:
        yield store


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """What the process's own provider exports, with our processor and our propagator."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider = partywall.instrument()
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def memory(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    """The spans of one test."""
    exporter.clear()
    yield exporter
    assert partywall.current_session() is None, "the test leaked its session"


@pytest.fixture
def spans(memory: InMemorySpanExporter) -> Spans:
    """The spans of one test since it looked last."""
    return Spans(memory)


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> trace.Tracer:
    """A tracer of the same provider."""
    return trace.get_tracer("a framework")
