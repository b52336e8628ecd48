"""`partywall watch`: analyzes what arrives and tells of what it finds."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from partywall_analyzer.alerts.alert import Alert
from partywall_analyzer.alerts.alerting import Alerting
from partywall_analyzer.alerts.config import AlertConfig
from partywall_analyzer.alerts.outbox import Outbox, OutboxInUse
from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.engine import Analysis, analyze
from partywall_analyzer.names import clean
from partywall_analyzer.watch import run_every
from partywall_collector.commands.options import moment
from partywall_collector.config_document import ConfigError
from partywall_collector.signals import until_signal
from partywall_collector.store import Store, StoreError, open_store

EXAMPLES = """\
  partywall watch alerts.yaml
  partywall watch alerts.yaml --check
  partywall watch alerts.yaml --once --since 24h
  partywall watch alerts.yaml --dry-run --json
  partywall watch alerts.yaml --status

exit code: 0 all is sent, 1 some alerts wait or were refused, 2 could not run
"""


SHOWN_AT_ONCE = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = parser("watch", "Analyze what arrives and alert of what is found.", EXAMPLES)
    arguments.add_argument(
        "config", type=Path, metavar="CONFIG", help="targets and routes: docs/alerts.md"
    )
    does = arguments.add_mutually_exclusive_group()
    does.add_argument("--check", action="store_true", help="only read CONFIG and say what it does")
    does.add_argument("--once", action="store_true", help="one look, send what waits, end")
    does.add_argument(
        "--dry-run", action="store_true", help="say what would be sent now, send none"
    )
    does.add_argument("--status", action="store_true", help="say what was sent and what waits")
    arguments.add_argument(
        "--interval",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="between two looks (default: %(default)g)",
    )
    arguments.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="do not tell anew of findings last seen before: 24h, 7d, or a time in ISO 8601",
    )
    arguments.add_argument(
        "--no-analysis",
        action="store_true",
        help="only read the findings, where `partywall up` analyzes the store already",
    )
    options = arguments.parse_args(argv)
    if not options.interval > 0:
        arguments.error("--interval must be more than 0 seconds")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s: %(message)s")
    try:
        return guarded("watch", lambda: _run(options))
    except (ConfigError, OutboxInUse) as error:
        print(f"partywall watch: {clean(str(error), 2_000)}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    config = AlertConfig.load(options.config)
    if options.check:
        return _check(config, as_json=options.json)
    with open_store(options.store, role="reader") as store:  # a writer would make what is not there
        if options.status:
            return _status(store, as_json=options.json)
    with ExitStack() as stack:
        store = stack.enter_context(open_store(options.store, role="writer"))
        outbox = stack.enter_context(Outbox(store.home, copy=options.dry_run))
        begin = options.since.timestamp() if options.since else 0.0
        alerting = stack.enter_context(Alerting(store, config, outbox, since=begin))
        if options.dry_run or options.once:
            if not options.no_analysis:
                analyze(store)
            if options.dry_run:
                return _tell(alerting.look_only(), as_json=options.json)
            return _once(alerting, outbox, as_json=options.json)
        return _watch(alerting, outbox, store, options)


def _watch(alerting: Alerting, outbox: Outbox, store: Store, options: argparse.Namespace) -> int:
    alerting.start()

    def look() -> None:
        _say(alerting.look())

    with until_signal() as stopped:
        print("partywall watch: watching; Ctrl-C ends it", file=sys.stderr, flush=True)
        if options.no_analysis:
            _look_every(look, options.interval, stopped)
        else:
            run_every(store, options.interval, stopped, _ignore, _complain, look)
    alerting.close()
    return _rest(outbox)


def _look_every(look: Callable[[], None], interval: float, stopped: Event) -> None:
    while not stopped.is_set():
        try:
            look()
        except StoreError as error:
            _complain(error)
        stopped.wait(interval)


def _ignore(_: Analysis) -> None:
    """What is found is told by routes."""


def _say(alerts: Sequence[Alert]) -> None:
    """A line for each new alert, as long as they are few."""
    for alert in alerts[:SHOWN_AT_ONCE]:
        said = f"{alert.event} {alert.severity} {alert.title} -> {clean(alert.target)}"
        print(f"{datetime.now(UTC):%H:%M:%S} {said}", file=sys.stderr, flush=True)
    if len(alerts) > SHOWN_AT_ONCE:
        print(f"and {len(alerts) - SHOWN_AT_ONCE} more alerts", file=sys.stderr, flush=True)


def _complain(error: StoreError) -> None:
    logging.getLogger("partywall.alerts").warning("the look is tried again: %s", error)


def _once(alerting: Alerting, outbox: Outbox, *, as_json: bool) -> int:
    made = alerting.look()
    alerting.start(once=True).join()
    alerting.settle()
    if as_json:
        told = [_summary(alert) for alert in made]
        print(json.dumps({"alerts": told, "targets": [asdict(each) for each in outbox.status()]}))
    else:
        print(f"partywall watch: {len(made)} new alerts", file=sys.stderr)
    return _rest(outbox)


def _rest(outbox: Outbox) -> int:
    """Say on stderr what is left; 1 if something is."""
    left = [each for each in outbox.status() if each.waiting or each.refused]
    for each in left:
        print(f"partywall watch: {_line(each.target, each.waiting, each.refused)}", file=sys.stderr)
    return int(bool(left))


def _line(target: str, waiting: int, refused: int) -> str:
    return f"{clean(target)}: {waiting} waiting, {refused} refused"


def _tell(alerts: Sequence[Alert], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"alerts": [_summary(alert) for alert in alerts]}))
        return 0
    for alert in alerts:
        whom = f"{alert.tenant}'s half" if alert.tenant else "the whole"
        print(f"{clean(alert.target)}: {alert.event} {alert.severity} {alert.title} ({whom})")
    print(f"partywall watch: {len(alerts)} alerts would be sent", file=sys.stderr)
    return 0


def _summary(alert: Alert) -> dict[str, object]:
    return {"target": alert.target, **alert.to_dict()}


def _check(config: AlertConfig, *, as_json: bool) -> int:
    routes = [
        {"target": each.target, "tenant": each.tenant, "severity": each.severity}
        | {"rules": list(each.rules)}
        for each in config.routes
    ]
    contain = [asdict(each) for each in config.contain]
    if as_json:
        print(json.dumps({"routes": routes, "contain": contain}))
        return 0
    for each in config.routes:
        whose = f"{each.tenant}'s half" if each.tenant else "the whole"
        rules = f" of {', '.join(each.rules)}" if each.rules else ""
        print(f"{each.target}: {whose} of findings{rules} from {each.severity} up")
    for each in config.contain:
        whose = f" of {each.tenant}" if each.tenant else ""
        print(f"{each.target}: asked to revoke credentials{whose} from {each.severity} up")
    if not config.routes and not config.contain:
        print("nothing is sent: there is no route")
    return 0


def _status(store: Store, *, as_json: bool) -> int:
    with Outbox(store.home, copy=True) as outbox:
        status = outbox.status()
    if as_json:
        print(json.dumps({"targets": [asdict(each) for each in status]}))
    for each in () if as_json else status:
        age = f", the oldest for {time.time() - each.oldest:,.0f} s" if each.oldest else ""
        said = f": {clean(each.error)}" if each.error else ""
        print(f"{_line(each.target, each.waiting, each.refused)}, {each.delivered} sent{age}{said}")
    return int(any(each.waiting or each.refused for each in status))
