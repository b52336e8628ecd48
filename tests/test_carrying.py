"""The grant of a session travels with its spans, once in each batch, and its spans are A2."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes as a
from partywall.carrying import CarryingExporter, carried, carry, wrap_exporters
from partywall.errors import GrantError
from partywall.exporting import outgoing
from partywall.grants import issue
from partywall.processor import SessionProcessor
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.issuer_keys import new_key
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Issuer, Principal, Tenant
from partywall_collector.store import Store

PRIVATE, PUBLIC = new_key()
SENDER = "agents@msp"


def grant(session: str, **changes: Any) -> str:
    said: dict[str, Any] = {"issuer": "tickets", "principal": SENDER, "tenant": "acme"}
    return issue(PRIVATE, session=session, identity="spiffe://msp/a", **said | changes)


class Bench:
    """A provider that stamps, with its spans kept until they are looked at."""

    def __init__(self) -> None:
        self.kept = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SessionProcessor())
        self.provider.add_span_processor(SimpleSpanProcessor(self.kept))

    def spans(self) -> list[ReadableSpan]:
        return [span for span in self.kept.get_finished_spans() if span.name != a.SESSION_CLOSE]

    def work(self, name: str) -> None:
        self.provider.get_tracer("app").start_span(name).end()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.provider.shutdown()


def grants_of(spans: list[ReadableSpan]) -> dict[str, object]:
    sent = carried(spans)
    return {span.name: (span.attributes or {}).get(a.ATTESTATION_GRANT) for span in sent}


def test_one_span_of_each_session_in_each_batch_brings_its_grant(bench: Bench) -> None:
    """Also after the session has ended; what the program sees of its spans has none."""
    one, two = grant("carry-1"), grant("carry-2", tenant="fjord")
    with partywall.session(tenant="acme", grant=one):
        bench.work("first")
        bench.work("second")
        with partywall.session(tenant="fjord", grant=two):
            bench.work("inner")
    with partywall.session(tenant="acme"):
        bench.work("without")
    spans = bench.spans()
    assert grants_of(spans) == {"first": one, "second": None, "inner": two, "without": None}
    assert grants_of(spans[1:2]) == {"second": one}
    assert all(a.ATTESTATION_GRANT not in (span.attributes or {}) for span in spans)


def test_a_session_takes_its_id_from_the_grant(bench: Bench) -> None:
    with partywall.session(tenant="acme", grant=grant("carry-3")) as session:
        assert session.id == "carry-3"
    with pytest.raises(GrantError):
        partywall.session(tenant="acme", grant="no grant")


def test_an_expired_grant_is_not_sent(bench: Bench) -> None:
    """It would only bring the spans into quarantine."""
    old = grant("carry-4", issued=time.time() - 1000, lifetime=60)
    with partywall.session(tenant="acme", grant=old):
        bench.work("late")
    assert grants_of(bench.spans()) == {"late": None}


def test_a_grant_that_nobody_can_read_is_left_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    carry("carry-5", "a.b.c")
    assert "carry-5" in caplog.text


def test_a_span_that_brings_a_grant_keeps_everything_else(bench: Bench) -> None:
    tracer = bench.provider.get_tracer("app")
    with partywall.session(tenant="acme", grant=grant("carry-6")):
        span = tracer.start_span("x")
        span.add_event("seen", {"k": 1})
        span.end()
    [before] = bench.spans()
    [after] = carried([before])
    said = dict(after.attributes or {})
    del said[a.ATTESTATION_GRANT]
    assert said == dict(before.attributes or {})
    assert after.context == before.context
    assert after.events == before.events
    assert after.dropped_attributes == before.dropped_attributes


def test_exporters_that_stand_and_later_ones_are_wrapped_once(bench: Bench) -> None:
    """However often somebody asks."""
    later = SimpleSpanProcessor(InMemorySpanExporter())
    wrap_exporters(bench.provider, outgoing)
    bench.provider.add_span_processor(later)
    wrapped = later.span_exporter
    assert wrapped is outgoing(wrapped)
    assert CarryingExporter(bench.kept).get_finished_spans() == ()
    with partywall.session(tenant="acme", grant=grant("carry-7")):
        bench.work("x")
    [span] = bench.spans()
    assert a.ATTESTATION_GRANT in (span.attributes or {})


def test_a_granted_session_is_a2_from_end_to_end(store: Store, tmp_path: Path) -> None:
    """The SDK's exporter, a real socket, the collector, the table."""
    digest = hashlib.sha256(b"token").hexdigest()
    write([Tenant(id="acme")], store)
    write([Principal(id=SENDER, tenants=("acme",), token_sha256=digest)], store)
    write([Issuer(id="tickets", tenants=("*",), public_key=PUBLIC)], store)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    with Collector(store, Config.default(store.url)) as collector:
        exporter = OTLPSpanExporter(
            endpoint=f"{collector.http_endpoint}/v1/traces",
            headers={"authorization": "Bearer token"},
        )
        provider = TracerProvider()
        provider.add_span_processor(SessionProcessor())
        provider.add_span_processor(SimpleSpanProcessor(outgoing(exporter)))
        tracer = provider.get_tracer("app")
        with partywall.session(tenant="acme", grant=grant("carry-8")):
            tracer.start_span("granted").end()
        with partywall.session(tenant="acme"):
            tracer.start_span("claimed").end()
        provider.shutdown()
        assert collector.drain(30)
    rows = store.rows("SELECT name, toString(attestation) AS grade FROM spans ORDER BY name")
    assert {row["name"]: row["grade"] for row in rows if row["name"] in ("claimed", "granted")} == {
        "claimed": "A1",
        "granted": "A2",
    }
