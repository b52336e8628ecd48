"""The collector from outside: /metrics, `partywall collect status`, and logs as JSON lines."""

import json
import logging
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from partywall_collector.collector import Collector
from partywall_collector.commands.collect import main
from partywall_collector.component_values import Endpoint
from partywall_collector.config import Config
from partywall_collector.config_document import ConfigError, parse
from partywall_collector.exposition import METRICS, TENANTS, Exposition, Held, Moment
from partywall_collector.metrics import Stats
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, StoreUnavailable, open_store
from partywall_collector.telemetry import JsonLines, Telemetry, read_telemetry

ROOT = Path(__file__).parent.parent
ADDRESS = "service.telemetry.metrics.address"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("exposition") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        write([Tenant(id="acme")], store)
        write([Principal(id="agents", tenants=("acme",), token_sha256="0" * 64)], store)
        yield store


@pytest.fixture(scope="module")
def collector(store: Store) -> Iterator[Collector]:
    telemetry = Telemetry(metrics=Endpoint("127.0.0.1:0"), metrics_key=ADDRESS)
    config = replace(Config.default(store.url), telemetry=telemetry)
    with Collector(store, config) as collector:
        yield collector


def scraped(url: str) -> dict[str, dict[str, float]]:
    """Metric -> value by label."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = next(iter(sample.labels.values()), "")
            found.setdefault(sample.name, {})[label] = sample.value
    return found


def status(collector: Collector, *more: str) -> int:
    endpoint = collector.metrics_endpoint.removeprefix("http://").removesuffix("/metrics")
    return main(["status", "--set", f"{ADDRESS}={endpoint}", *more])


def test_a_scrape_has_every_metric_of_the_table(collector: Collector) -> None:
    """With its label, and beside it what Prometheus says of any process."""
    found = scraped(collector.metrics_endpoint)
    assert found["partywall_ready"] == {"": 1}
    assert found["partywall_principals"] == {"": 1}
    assert found["otelcol_receiver_accepted_spans_total"] == {"otlp": 0}
    assert found["otelcol_exporter_queue_capacity"] == {"clickhouse": 4096 << 20}
    assert found["process_resident_memory_bytes"][""] > 1e6
    labelled = {metric.name for metric in METRICS if metric.label in ("tenant", "reason")}
    assert {metric.name for metric in METRICS} - labelled <= set(found)


def test_the_page_lists_every_metric_with_its_label() -> None:
    """docs/collector.md has the table, word for word."""
    page = (ROOT / "docs" / "collector.md").read_text("utf-8")
    rows = re.findall(r"^\| `((?:otelcol|partywall)_\w+)` \| (.*) \| (.*) \|$", page, re.M)
    assert rows == [
        (metric.name, f"`{metric.label}`" if metric.label else "", metric.doc) for metric in METRICS
    ]


class Partitioned:
    """A store with so many spans in each placement."""

    def __init__(self, spans: dict[str, int]) -> None:
        self.spans = spans
        self.asked = 0

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        self.asked += 1
        if "system.parts" not in sql:
            return [{"reason": "no tenant", "n": 3}]
        if not self.spans:
            raise StoreUnavailable("down")
        rows = [
            {"placement": name, "spans": count, "bytes": count * 10}
            for name, count in self.spans.items()
        ]
        return sorted(rows, key=lambda row: -int(row["spans"]))


def exposed(store: Any) -> Exposition:
    def look(held: Held) -> Moment:
        return Moment(Stats(refused={"full": 2}), True, 0, 1, held)

    return Exposition(store, look)


def values(exposition: Exposition, name: str) -> dict[str, float]:
    return {
        next(iter(sample.labels.values()), ""): sample.value
        for family in exposition.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_the_labels_of_tenants_are_bounded() -> None:
    """The largest have their own, the rest and the shared pools are `other`; nothing is lost."""
    spans = {f"own-t{number}": 1000 - number for number in range(60)} | {"pool-03": 5000}
    found = values(exposed(Partitioned(spans)), "partywall_stored_spans")
    assert len(found) == TENANTS + 1
    assert found["t0"] == 1000
    assert sum(found.values()) == sum(spans.values())
    assert found["other"] > 5000


def test_scrapes_do_not_become_database_load_and_survive_a_store_that_is_down() -> None:
    """Many scrapes, one question; where the store does not answer, the rest is still said."""
    partitioned = Partitioned({"own-acme": 4})
    exposition = exposed(partitioned)
    for _ in range(10):
        assert values(exposition, "partywall_stored_spans") == {"acme": 4}
    assert partitioned.asked == 2
    down = exposed(Partitioned({}))
    assert values(down, "partywall_stored_spans") == {}
    assert values(down, "partywall_receiver_refused_requests_total") == {"full": 2}


def test_status_says_how_a_collector_is(
    collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines for people, an object for programs, code 0."""
    assert status(collector) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["state"].strip() == "takes spans"
    assert status(collector, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ready"] is True
    assert (said["queue_segments"], said["lag_seconds"], said["refused_requests"]) == (0, 0, {})


def test_status_of_nobody_is_1_and_of_no_endpoint_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Down is not the same as asked wrongly."""
    assert main(["status", "--json", "--set", f"{ADDRESS}=127.0.0.1:9"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["ready"] is False
    assert "no collector answers at http://127.0.0.1:9/metrics" in captured.err
    assert main(["status", "--set", "service.telemetry.metrics.level=none"]) == 2
    assert "service.telemetry.metrics names no endpoint" in capsys.readouterr().err


def telemetry(text: str) -> Telemetry:
    return read_telemetry(parse(text, "c.yaml"))


def test_both_forms_of_the_stock_grammar_name_the_endpoint() -> None:
    """`address`, and the first Prometheus reader; a stock file's other readers are passed over."""
    reader = "metrics: {readers: [{periodic: {}}, {pull: {exporter: {prometheus: {%s}}}}]}"
    assert telemetry("metrics: {address: '0.0.0.0:8888'}").metrics == "0.0.0.0:8888"
    assert telemetry(reader % "host: 0.0.0.0, port: 9").metrics == "0.0.0.0:9"
    assert telemetry(reader % "").metrics == "localhost:8888"
    assert telemetry("metrics: {level: detailed}").metrics is None
    assert telemetry("metrics: {level: none, address: '0.0.0.0:8888'}").metrics is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metrics: {address: nowhere}", "c.yaml:1: service.telemetry.metrics.address must be"),
        ("metrics: {readers: 7}", "service.telemetry.metrics.readers must be a list"),
        ("metrics: {level: much}", "service.telemetry.metrics.level must be one of none, basic"),
        ("logs: {encoding: xml}", "service.telemetry.logs.encoding must be one of console, json"),
        ("logs: {level: loud}", "service.telemetry.logs.level must be one of debug, info"),
    ],
)
def test_a_mistake_names_its_key(text: str, wanted: str) -> None:
    """File, line and full path."""
    with pytest.raises(ConfigError, match=re.escape(wanted)):
        telemetry(text)


def test_logs_are_json_lines_where_asked_for() -> None:
    """One object a record, whatever is in it."""
    try:
        raise ValueError("why")
    except ValueError as error:
        fault = (type(error), error, error.__traceback__)
    record = logging.LogRecord("partywall.x", logging.WARNING, "f", 1, "a\n%s", ("b",), fault)
    line = JsonLines().format(record)
    said = json.loads(line)
    assert "\n" not in line
    assert (said["level"], said["msg"], said["logger"]) == ("warn", "a\nb", "partywall.x")
    assert "ValueError: why" in said["stacktrace"]
