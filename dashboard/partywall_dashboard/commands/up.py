"""`partywall up`: collector, analysis and dashboard on one embedded store."""

import argparse
import logging
import re
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from partywall_analyzer import Analysis
from partywall_analyzer.alerts.alerting import Alerting
from partywall_analyzer.alerts.config import AlertConfig
from partywall_analyzer.alerts.outbox import Outbox, OutboxInUse
from partywall_analyzer.watch import run_every
from partywall_collector.collector import Collector
from partywall_collector.commands.options import store_url
from partywall_collector.config import Config
from partywall_collector.config_document import ConfigError
from partywall_collector.signals import until_signal
from partywall_collector.spool import SpoolInUse
from partywall_collector.store import Store, StoreError, open_store
from partywall_collector.store.facade import serve
from partywall_dashboard.commands.dashboard import PORT, port_problem
from partywall_dashboard.process import DashboardProcess

log = logging.getLogger("partywall.up")

CONFIG = Path("otel-config.yaml")
SHOWN_AT_ONCE = 10

EXAMPLE = """\
examples:
  partywall up                                     ./otel-config.yaml if it is there
  partywall up --config otel-config.yaml --port 9000 --interval 2
  partywall up --alerts alerts.yaml
"""


def arguments() -> argparse.ArgumentParser:
    """What the command understands."""
    parser = argparse.ArgumentParser(
        "partywall up",
        description="Runs the collector, the analysis and the dashboard until Ctrl-C.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        action="append",
        type=Path,
        metavar="FILE",
        help=f"collector configuration; several are merged (default: ./{CONFIG} if it is there)",
    )
    parser.add_argument(
        "--store", metavar="URL", help="the store (default: the configured one, else as everywhere)"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"of the dashboard, default {PORT}")
    parser.add_argument("--no-dashboard", action="store_true", help="collect and analyse only")
    parser.add_argument(
        "--interval",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="between two analyses, default 2",
    )
    parser.add_argument(
        "--alerts",
        type=Path,
        metavar="FILE",
        help="tell targets of findings, as `partywall watch` does: docs/alerts.md",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or until a part fails."""
    options = arguments().parse_args(argv)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        if not options.interval > 0:
            raise CannotRun("--interval must be more than 0 seconds")
        if not options.no_dashboard and (problem := port_problem("127.0.0.1", options.port)):
            raise CannotRun(f"dashboard: {problem}")
        alerts = AlertConfig.load(options.alerts) if options.alerts else None
        return run(configuration(options), options, alerts)
    except (CannotRun, ConfigError, OSError, OutboxInUse, SpoolInUse, StoreError) as error:
        print(f"partywall up: {error}", file=sys.stderr)
        return 2


class CannotRun(Exception):
    """What was asked for cannot be had; the text says why and the way out."""


def configuration(options: argparse.Namespace) -> Config:
    """The named files, else the one in this folder, else a receiver on the usual ports."""
    if options.config or CONFIG.exists():
        config = Config.load(options.config or [CONFIG])
        return config.with_store(options.store) if options.store else config
    url = options.store or store_url()
    return Config.default(url, grpc="127.0.0.1:4317", http="127.0.0.1:4318")


def run(config: Config, options: argparse.Namespace, alerts: AlertConfig | None = None) -> int:
    """Start the parts in order; leaving the block stops them in the opposite order."""
    console = Console(highlight=False)
    with ExitStack() as parts, until_signal() as stopped:
        store = parts.enter_context(open_store(config.exporter.endpoint, role="owner"))
        if store.url.startswith("chdb:"):
            parts.enter_context(serve(store))
        collector = parts.enter_context(Collector(store, config))
        after = None
        if alerts:
            outbox = parts.enter_context(Outbox(store.home))
            after = parts.enter_context(Alerting(store, alerts, outbox).start()).look
        loop = AnalysisLoop(store, options.interval, stopped, after)
        parts.callback(loop.join)
        loop.start()
        dashboard = None
        if not options.no_dashboard:
            dashboard = parts.enter_context(DashboardProcess(store.url, options.port))
            if not dashboard.wait_ready() and not stopped.is_set():
                stopped.set()
                raise CannotRun("the dashboard did not start; its complaint stands above")
        console.print(addresses(collector, dashboard, store.url))
        failed = ""
        while not failed and not stopped.wait(0.5):
            if dashboard and dashboard.ended is not None:
                failed = f"the dashboard ended by itself (exit code {dashboard.ended})"
            elif not loop.is_alive():
                failed = "the analysis ended by itself; the reason stands above"
        stopped.set()
        console.print("Stopping: what was taken is loaded first.")
    if failed:
        raise CannotRun(failed)
    console.print(summary(collector))
    return 0


class AnalysisLoop(threading.Thread):
    """Analyses whatever arrives, until the event is set; `after` is called after each look."""

    def __init__(
        self,
        store: Store,
        interval: float,
        stopped: threading.Event,
        after: Callable[[], object] | None,
    ) -> None:
        super().__init__(name="analysis", daemon=True)
        self._arguments = (store, interval, stopped)
        self._after = after

    def run(self) -> None:
        """Says what it finds; a store that fails once is asked again."""
        run_every(*self._arguments, on_change=tell_new, on_error=tell_error, after=self._after)


def tell_new(analysis: Analysis) -> None:
    """A line for each new finding, as long as they are few."""
    for finding in analysis.new[:SHOWN_AT_ONCE]:
        say(f"{finding.severity.value} {finding.verdict.value}: {finding.title} ({finding.id})")
    if len(analysis.new) > SHOWN_AT_ONCE:
        say(f"and {len(analysis.new) - SHOWN_AT_ONCE} more findings")


def tell_error(error: StoreError) -> None:
    """The next round tries again."""
    log.warning("the analysis is tried again: %s", error)


def say(line: str) -> None:
    """One line of what happens, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


def addresses(collector: Collector, dashboard: DashboardProcess | None, store: str) -> Panel:
    """What runs where, in a box."""
    table = Table.grid(padding=(0, 2))
    rows = [
        ("Dashboard", dashboard.url if dashboard else ""),
        ("OTLP/HTTP", collector.http_endpoint),
        ("OTLP/gRPC", collector.grpc_endpoint),
        ("Store", masked(store)),
    ]
    for name, where in rows:
        if where:
            table.add_row(Text(name, "bright_black"), Text(where, "bold"))
    if not collector.principals:
        table.add_row(Text("Senders", "bright_black"), Text("nobody may send yet:"))
        table.add_row("", Text("partywall registry load customers.yaml"))
        table.add_row("", Text("partywall registry token PRINCIPAL --tenant ID"))
    table.add_row("", Text("Ctrl-C stops everything in order.", "bright_black"))
    return Panel(table, title="partywall", expand=False, border_style="bright_black")


def masked(url: str) -> str:
    """A store's URL without its password."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:...@", url)


def summary(collector: Collector) -> str:
    """What was taken and loaded, in a line."""
    stats = collector.stats()
    left = f"; {stats.queue_segments} segments wait in the spool" if stats.queue_segments else ""
    return f"Stopped. {stats.accepted_spans:,} spans taken, {stats.loaded_spans:,} loaded{left}."
