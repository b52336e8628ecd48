"""The collector's counts as Prometheus metrics; what the stock collector counts has its names.

`METRICS` is the one table: docs/metrics.md is tested against it, `partywall collect status` reads
the metrics back.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector as Source
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partywall_collector.metrics import Stats
from partywall_collector.store import Store, StoreError, statement

log = logging.getLogger("partywall.metrics")
MetricFamily = CounterMetricFamily | GaugeMetricFamily
VERSION: Final = version("partywall")
PATH: Final = "/metrics"
TENANTS: Final = 20
"""Tenants with a label of their own, those with the most spans; the rest is `other`."""
OTHER: Final = "other"
OWN: Final = "own-"
"""The beginning of the placement of a tenant that has partitions of its own."""
FRESH: Final = 15.0
"""Seconds for which what the store was asked is not asked again."""


class Held(NamedTuple):
    """What lies in the store, in spans and bytes."""

    spans: Mapping[str, float]
    """By tenant."""
    sizes: Mapping[str, float]
    """By tenant."""
    quarantined: Mapping[str, float]
    """Spans by reason."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to say of a collector now."""

    stats: Stats
    ready: bool
    principals: int
    queue_capacity: int
    held: Held


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table; a counter's name ends in `_total`."""

    name: str
    doc: str
    label: str
    values: Callable[[Moment], Mapping[str, float]]
    """By label; without one, below ""."""


def _stat(name: str, label: str = "") -> Callable[[Moment], Mapping[str, float]]:
    return lambda now: {label: getattr(now.stats, name)}


METRICS: Final = (
    Metric(
        "partywall_build_info", "1, with the version that runs.", "version", lambda _: {VERSION: 1}
    ),
    Metric("partywall_ready", "1 while spans are taken.", "", lambda now: {"": now.ready}),
    Metric(
        "partywall_principals",
        "Senders that the registry knows.",
        "",
        lambda now: {"": now.principals},
    ),
    Metric(
        "otelcol_receiver_accepted_spans_total",
        "Spans taken; of repeats the first.",
        "receiver",
        _stat("accepted_spans", "otlp"),
    ),
    Metric(
        "partywall_receiver_accepted_requests_total",
        "Requests taken; of repeats the first.",
        "",
        _stat("accepted_requests"),
    ),
    Metric(
        "partywall_receiver_repeated_spans_total",
        "Spans acknowledged again, not stored again.",
        "",
        _stat("repeated_spans"),
    ),
    Metric(
        "partywall_receiver_repeated_requests_total",
        "The requests that held them.",
        "",
        _stat("repeated_requests"),
    ),
    Metric(
        "partywall_receiver_refused_requests_total",
        "Requests not taken.",
        "reason",
        lambda now: now.stats.refused,
    ),
    Metric(
        "otelcol_receiver_accepted_log_records_total",
        "Governance events taken.",
        "receiver",
        _stat("accepted_log_records", "otlp"),
    ),
    Metric(
        "otelcol_receiver_refused_log_records_total",
        "Log records that are no such event, or a wrong one.",
        "receiver",
        _stat("refused_log_records", "otlp"),
    ),
    Metric(
        "otelcol_exporter_sent_spans_total",
        "Spans loaded into ClickHouse.",
        "exporter",
        _stat("loaded_spans", "clickhouse"),
    ),
    Metric(
        "partywall_exporter_loaded_segments_total", "Segments loaded.", "", _stat("loaded_segments")
    ),
    Metric(
        "partywall_exporter_failed_loads_total",
        "Loads that failed; they are tried again.",
        "",
        _stat("failed_loads"),
    ),
    Metric(
        "partywall_exporter_poison_requests_total",
        "Requests that ClickHouse cannot load.",
        "",
        _stat("poison"),
    ),
    Metric(
        "otelcol_exporter_queue_size",
        "Bytes that wait on disk.",
        "exporter",
        _stat("queue_bytes", "clickhouse"),
    ),
    Metric(
        "otelcol_exporter_queue_capacity",
        "The most bytes that may wait.",
        "exporter",
        lambda now: {"clickhouse": now.queue_capacity},
    ),
    Metric("partywall_exporter_queue_segments", "Segments that wait.", "", _stat("queue_segments")),
    Metric(
        "partywall_exporter_lag_seconds",
        "Age of the oldest request that is not queryable.",
        "",
        _stat("lag"),
    ),
    Metric("partywall_stored_spans", "Spans in the store.", "tenant", lambda now: now.held.spans),
    Metric("partywall_stored_bytes", "Their bytes on disk.", "tenant", lambda now: now.held.sizes),
    Metric(
        "partywall_quarantined_spans",
        "Spans in quarantine.",
        "reason",
        lambda now: now.held.quarantined,
    ),
)


class Exposition(Source):
    """What a scrape sees of one collector. `look` gives its own part, the store is asked here."""

    def __init__(self, store: Store, look: Callable[[Held], Moment]) -> None:
        self._store = store
        self._look = look
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._held = Held({}, {}, {})
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def describe(self) -> Iterator[MetricFamily]:
        """Nothing: so that no scrape is made at registration."""
        return iter(())

    def collect(self) -> Iterator[MetricFamily]:
        """Every metric of the table, as it is now."""
        now = self._look(self._stored())
        for metric in METRICS:
            labels = [metric.label] if metric.label else []
            kind = CounterMetricFamily if metric.name.endswith("_total") else GaugeMetricFamily
            family = kind(metric.name, metric.doc, labels=labels)
            for label, value in metric.values(now).items():
                family.add_metric([label] if metric.label else [], value)
            yield family

    def _stored(self) -> Held:
        """What lies in the store; while it does not answer, what it said last."""
        with self._lock:
            if time.monotonic() - self._asked_at >= FRESH:
                self._asked_at = time.monotonic()
                try:
                    self._held = _ask(self._store)
                except StoreError as error:
                    log.warning("the store does not say what it holds: %s", error)
            return self._held


def metrics_app(exposition: Exposition) -> Starlette:
    """The application of the metrics endpoint."""

    async def answer(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        text = await run_in_threadpool(encode, exposition.registry)
        return Response(text, headers={"Content-Type": media_type})

    return Starlette(routes=[Route(PATH, answer)])


def _ask(store: Store) -> Held:
    queries = "partywall_collector.sql.metrics"
    spans: dict[str, float] = {}
    size: dict[str, float] = {}
    for row in store.rows(statement(queries, "stored")):  # the largest first
        own = row["placement"].startswith(OWN) and len(spans.keys() - {OTHER}) < TENANTS
        tenant = row["placement"].removeprefix(OWN) if own else OTHER
        spans[tenant] = spans.get(tenant, 0) + row["spans"]
        size[tenant] = size.get(tenant, 0) + row["bytes"]
    quarantined = {row["reason"]: row["n"] for row in store.rows(statement(queries, "quarantined"))}
    return Held(spans, size, quarantined)
