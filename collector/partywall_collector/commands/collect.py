"""`partywall collect`: runs the collector of an otel-config.yaml, or looks at its configuration."""

import argparse
import json
import logging
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from partywall_collector.collector import Collector
from partywall_collector.commands.status import status
from partywall_collector.components import COMPONENTS, keys
from partywall_collector.config import Config
from partywall_collector.config_document import ConfigError, read_documents
from partywall_collector.metrics import Stats
from partywall_collector.signals import until_signal
from partywall_collector.spool import SpoolInUse
from partywall_collector.store import QueryFailed, Store, StoreError, open_store
from partywall_collector.store.facade import serve
from partywall_collector.store.retaining import retaining
from partywall_collector.telemetry import set_up_logging

DEFAULT_FILE = Path("otel-config.yaml")
log = logging.getLogger("partywall.collect")
BUILT_IN = Path(__file__).parent.parent / "otel-config.yaml"
REPORT_EVERY = 10.0
ABORTED = 236
"""What an embedded engine says to every statement after a fatal error, until its process ends."""
PASSWORD = re.compile(r"(://[^:/@\s]*):[^/@\s]*@")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `partywall collect`; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.action == "components":
            return _components(arguments.json)
        config = _config(arguments)
        if arguments.action == "validate":
            print("the configuration is good")
            return 0
        if arguments.action == "print-config":
            return _print_config(arguments)
        if arguments.action == "status":
            return status(config.telemetry, as_json=arguments.json)
        return _run(config)
    except (ConfigError, StoreError, SpoolInUse, OSError) as error:
        print(f"partywall collect: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall collect",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Receive traces over OTLP and load them into the store, each span into its tenant's\n"
            "tables or into quarantine. Runs until Ctrl-C; then it loads what it has taken.\n\n"
            "  partywall collect --config otel-config.yaml --store chdb://.partywall\n"
            "  partywall collect validate --config otel-config.yaml\n"
            "  partywall collect status"
        ),
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=["run", "status", "validate", "components", "print-config"],
        default="run",
        help="run (the default); ask the collector that runs; check the configuration; list the "
        "components; show the result",
    )
    parser.add_argument(
        "--config",
        action="append",
        type=Path,
        metavar="FILE",
        help=f"YAML file; several are merged in order (default: ./{DEFAULT_FILE}, else built in)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set one key, such as receivers.otlp.protocols.grpc.endpoint=0.0.0.0:4317",
    )
    parser.add_argument("--store", metavar="URL", help="the store, in place of the configured one")
    parser.add_argument("--json", action="store_true", help="print status or components as JSON")
    return parser


def _files(arguments: argparse.Namespace) -> list[Path]:
    return arguments.config or [DEFAULT_FILE if DEFAULT_FILE.exists() else BUILT_IN]


def _config(arguments: argparse.Namespace) -> Config:
    config = Config.load(_files(arguments), arguments.set)
    return config.with_store(arguments.store) if arguments.store else config


def _components(as_json: bool) -> int:
    listed = {
        section: {
            name: {key.name: {"type": key.type, "default": key.default} for key in keys(component)}
            for name, component in components.items()
        }
        for section, components in COMPONENTS.items()
    }
    if as_json:
        print(json.dumps(listed))
    else:
        print(yaml.safe_dump(listed, sort_keys=False, width=100), end="")
    return 0


def _print_config(arguments: argparse.Namespace) -> int:
    """The merged document, with environment variables filled in and passwords left out."""
    document = read_documents(_files(arguments), arguments.set).plain()
    for section, components in COMPONENTS.items():
        named: dict[str, Any] = document.get(section) or {}
        for name, settings in named.items():
            for key in keys(components[name.partition("/")[0]]):
                if key.type == "secret" and settings and key.name in settings:
                    settings[key.name] = "[redacted]"
    text = yaml.safe_dump(document, sort_keys=False, width=100)
    print(_masked(text), end="")
    return 0


def _run(config: Config) -> int:
    set_up_logging(config.telemetry)
    say = log.info if config.telemetry.log_encoding == "json" else _say
    with ExitStack() as running, until_signal() as stopped:
        store = running.enter_context(open_store(config.exporter.endpoint, role="owner"))
        running.enter_context(serve(store))
        running.enter_context(retaining(store))
        collector = running.enter_context(Collector(store, config))
        say(f"store {_masked(store.url)}")
        if collector.grpc_endpoint:
            say(f"OTLP/gRPC on {collector.grpc_endpoint}")
        if collector.http_endpoint:
            say(f"OTLP/HTTP on {collector.http_endpoint}")
        if not collector.principals:
            say(
                "nobody may send yet: the registry has no principal. Make one with"
                " `partywall registry token PRINCIPAL --tenant ID`"
            )
        if collector.metrics_endpoint:
            say(f"metrics on {collector.metrics_endpoint}")
        say("ready")
        before = collector.stats()
        while not stopped.wait(REPORT_EVERY):
            if _has_failed(store):
                log.critical(
                    "the embedded engine has met a fatal error and takes nothing until this process"
                    " ends; what is acknowledged lies in the spool and is loaded at the next start"
                )
                collector.stop(patience=0)
                return 1
            now = collector.stats()
            if (now.accepted_requests, now.loaded_requests, now.refused) != (
                before.accepted_requests,
                before.loaded_requests,
                before.refused,
            ):
                say(_line(now))
            before = now
        say("stopping: what was taken is loaded first")
        collector.stop()
        say(_line(collector.stats()))
    return 0


def _has_failed(store: Store) -> bool:
    """Whether the embedded engine is beyond help; a server is restarted by somebody else."""
    try:
        if store.engine:
            store.rows("SELECT 1")
    except QueryFailed as error:
        return error.code == ABORTED
    except StoreError:
        pass
    return False


def _line(stats: Stats) -> str:
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(stats.refused.items()))
    return (
        f"{stats.accepted_spans:,} spans taken, {stats.loaded_spans:,} loaded,"
        f" {stats.queue_segments} segments wait ({stats.queue_bytes / 1e6:.1f} MB,"
        f" {stats.lag:.1f} s)" + (f"; refused requests: {refused}" if refused else "")
    )


def _masked(text: str) -> str:
    """The text without the passwords of store URLs."""
    return PASSWORD.sub(r"\1:[redacted]@", text)


def _say(text: str) -> None:
    print(text, flush=True)
