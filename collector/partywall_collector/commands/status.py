"""`partywall collect status`: what a running collector says of itself, from its metrics."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from partywall_collector.commands.terminal import plain
from partywall_collector.config_document import ConfigError
from partywall_collector.exposition import METRICS, PATH
from partywall_collector.telemetry import Telemetry

TIMEOUT = 10.0


def status(telemetry: Telemetry, *, as_json: bool) -> int:
    """Print it; 0 while spans are taken, 1 where they are not or nobody answers."""
    if telemetry.metrics is None:
        raise ConfigError(
            "service.telemetry.metrics names no endpoint to ask; write `metrics: {address: "
            "127.0.0.1:8888}` and start the collector with it"
        )
    url = f"http://{telemetry.metrics}{PATH}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            said = _read(answer.read().decode())
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if as_json:
            print(json.dumps({"ready": False, "endpoint": url, "error": str(reason)}))
        print(f"partywall collect: no collector answers at {url}: {reason}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps({"endpoint": url, **said}))
    else:
        print(_table(said))
    return 0 if said["ready"] else 1


def _read(text: str) -> dict[str, Any]:
    """The metrics by their short names: a number, or numbers by label."""
    families = {family.name: family for family in text_string_to_metric_families(text)}
    said: dict[str, Any] = {}
    for metric in METRICS:
        family = families.get(metric.name.removesuffix("_total"))
        if family is None:
            raise ValueError(f"{metric.name} is not among its metrics; is it this version's?")
        values = {
            sample.labels.get(metric.label, ""): sample.value
            for sample in family.samples
            if not sample.name.endswith("_created")
        }
        fixed = metric.label in ("", "receiver", "exporter")
        said[_short(metric.name)] = next(iter(values.values())) if fixed else values
    said["version"] = next(iter(said.pop("build_info")))
    said["ready"] = bool(said["ready"])
    return said


def _short(name: str) -> str:
    for prefix in ("partywall_", "otelcol_", "receiver_", "exporter_"):
        name = name.removeprefix(prefix)
    return name.removesuffix("_total")


def _table(said: Mapping[str, Any]) -> str:
    def count(what: str) -> str:
        return f"{said[f'{what}_spans']:,.0f} spans in {said[f'{what}_requests']:,.0f} requests"

    full = said["queue_size"] / said["queue_capacity"]
    taken, refused = said["accepted_log_records"], said["refused_log_records"]
    events = f"{taken:,.0f} taken, {refused:,.0f} log records refused"
    queue = f"{said['queue_segments']:,.0f} segments, {said['queue_size'] / 1e6:,.1f} MB"
    rows = [
        ("state", "takes spans" if said["ready"] else "takes no spans"),
        ("version", said["version"]),
        ("principals", f"{said['principals']:,.0f}"),
        ("taken", count("accepted")),
        ("repeated", count("repeated")),
        ("refused", _counts(said["refused_requests"], "requests")),
        ("events", events),
        ("loaded", f"{said['sent_spans']:,.0f} spans in {said['loaded_segments']:,.0f} segments"),
        ("failed loads", f"{said['failed_loads']:,.0f}"),
        ("queue", f"{queue} ({full:.1%} full)"),
        ("lag", f"{said['lag_seconds']:.1f} s"),
        ("stored", _counts(said["stored_spans"], "spans")),
        ("in quarantine", _counts(said["quarantined_spans"], "spans")),
    ]
    return "\n".join(f"{name:<15}{value}" for name, value in rows)


def _counts(counts: Mapping[str, float], what: str) -> str:
    if not counts:
        return f"0 {what}"
    listed = ", ".join(f"{plain(name)} {count:,.0f}" for name, count in counts.items())
    return f"{sum(counts.values()):,.0f} {what}: {listed}"
