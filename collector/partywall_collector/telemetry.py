"""`service.telemetry`: how the collector speaks of itself. The stock collector's keys and words.

What a stock file says beyond the keys below is taken and not used, so that such a file starts.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from partywall_collector.component_values import Endpoint
from partywall_collector.config_document import ConfigError, Node

PATH: Final = "service.telemetry"
LOG_LEVELS: Final = ("debug", "info", "warn", "error")
ENCODINGS: Final = ("console", "json")
METRICS_LEVELS: Final = ("none", "basic", "normal", "detailed")
METRICS_PORT: Final = 8888


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What of `service.telemetry` is used."""

    log_level: str = "info"
    log_encoding: str = "console"
    metrics: Endpoint | None = None
    """Where /metrics answers; None: nowhere."""
    metrics_key: str = ""
    """The YAML key that says so."""


def read_telemetry(node: Node | None) -> Telemetry:
    """The settings below `service.telemetry`; raises `ConfigError`."""
    top = _mapping(node, PATH)
    logs = _mapping(top.get("logs"), f"{PATH}.logs")
    metrics, key = _metrics(top.get("metrics"))
    return Telemetry(
        log_level=_one_of(LOG_LEVELS, logs.get("level"), f"{PATH}.logs.level", "info"),
        log_encoding=_one_of(ENCODINGS, logs.get("encoding"), f"{PATH}.logs.encoding", "console"),
        metrics=metrics,
        metrics_key=key,
    )


def set_up_logging(telemetry: Telemetry) -> None:
    """Log to stderr as the configuration says."""
    handler = logging.StreamHandler()
    if telemetry.log_encoding == "json":
        handler.setFormatter(JsonLines())
    else:
        form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
        handler.setFormatter(logging.Formatter(form))
    level = telemetry.log_level.upper().replace("WARN", "WARNING")
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    """One JSON object a record, with the stock collector's keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "level": record.levelname.lower().replace("warning", "warn"),
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _metrics(node: Node | None) -> tuple[Endpoint | None, str]:
    """Both forms of the stock grammar: `address`, or the first Prometheus reader."""
    path = f"{PATH}.metrics"
    metrics = _mapping(node, path)
    if _one_of(METRICS_LEVELS, metrics.get("level"), f"{path}.level", "normal") == "none":
        return None, ""
    address = metrics.get("address")
    if address is not None and address.value is not None:
        return _endpoint(str(address.value), address, f"{path}.address"), f"{path}.address"
    readers = metrics.get("readers")
    if readers is None or readers.value is None:
        return None, ""
    if not isinstance(readers.value, list):
        raise ConfigError(f"{readers.where}: {path}.readers must be a list")
    for index, reader in enumerate(readers.value):
        node, place = reader, f"{path}.readers[{index}]"
        for part in ("pull", "exporter", "prometheus"):
            items = _mapping(node, place)
            if part not in items:
                break
            node, place = items[part], f"{place}.{part}"
        else:
            prometheus = _mapping(node, place)
            host = _text(prometheus.get("host"), "localhost")
            port = _text(prometheus.get("port"), str(METRICS_PORT))
            return _endpoint(f"{host}:{port}", node, place), place
    return None, ""


def _endpoint(text: str, node: Node, path: str) -> Endpoint:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"{node.where}: {path} must be host:port, as in 127.0.0.1:{METRICS_PORT}")
    return Endpoint(text)


def _text(node: Node | None, default: str) -> str:
    return default if node is None or node.value is None else str(node.value)


def _one_of(words: tuple[str, ...], node: Node | None, path: str, default: str) -> str:
    word = _text(node, default).lower()
    if word not in words:
        where = node.where if node else ""
        raise ConfigError(f"{where}: {path} must be one of {', '.join(words)}")
    return word


def _mapping(node: Node | None, path: str) -> Mapping[str, Node]:
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise ConfigError(f"{node.where}: {path} must be a mapping of keys")
    return node.value
