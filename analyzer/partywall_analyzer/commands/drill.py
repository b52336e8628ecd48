"""`partywall drill`: makes a harmless crossing on purpose and says how soon it was found."""

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from partywall_analyzer.commands.options import guarded, parser
from partywall_analyzer.drills import (
    RULES,
    TENANTS,
    Drill,
    Prepared,
    close,
    drills,
    found_of,
    prepare,
    retire,
    wait,
)
from partywall_analyzer.names import clean
from partywall_collector.commands.tables import print_table
from partywall_collector.otlp_sender import GrpcTransport, HttpTransport, NotSent, Sender
from partywall_collector.registry import Tenant
from partywall_collector.registry.load import current
from partywall_collector.registry.values import close_to
from partywall_collector.store import Store, open_store

EXAMPLES: Final = """\
  partywall drill
  partywall drill --from acme --to fjord --timeout 30 --json
  partywall drill --kind relay
  partywall drill --page
  partywall drill --list

exit code: 0 it was found in time, 1 it was not, 2 could not run
"""


KNOWN_WITHIN: Final = 8.0
"""Seconds in which a collector knows a new sender; it looks again when an unknown one sends."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    arguments = parser(
        "drill",
        "Make a crossing on purpose, through the collector that runs, and wait for its finding.",
        EXAMPLES,
    )
    where = arguments.add_mutually_exclusive_group()
    where.add_argument(
        "--endpoint",
        metavar="URL",
        default="http://127.0.0.1:4318",
        help="the collector's OTLP/HTTP (default: %(default)s)",
    )
    where.add_argument("--grpc", metavar="HOST:PORT", help="its OTLP/gRPC, 127.0.0.1:4317")
    arguments.add_argument(
        "--token",
        default=os.environ.get("PARTYWALL_TOKEN", ""),
        help="send as the agents of --from do (default: $PARTYWALL_TOKEN, else a token of its own, "
        "which is good for this drill only)",
    )
    arguments.add_argument(
        "--from",
        dest="tenant",
        metavar="TENANT",
        default=TENANTS[0],
        help="for which tenant the call is made (default: %(default)s, registered for drills)",
    )
    arguments.add_argument(
        "--to",
        dest="owner",
        metavar="TENANT",
        default=TENANTS[1],
        help="whose dataset it reaches; there is nothing behind its name (default: %(default)s)",
    )
    arguments.add_argument(
        "--kind",
        choices=list(RULES),
        default="dataset",
        help="a call that reaches a foreign dataset; a session that reads data of --to and writes "
        "it to --from; or two sessions that pass it on over a shared dataset",
    )
    arguments.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long the finding is waited for once the spans went (default: %(default)g)",
    )
    arguments.add_argument(
        "--page",
        action="store_true",
        help="keep its severity, so that alerts go out, marked as a drill; waits for one of them",
    )
    arguments.add_argument(
        "--analyze", action="store_true", help="analyze too, where no `partywall up` does"
    )
    arguments.add_argument(
        "--keep-open", action="store_true", help="do not close the finding when it is found"
    )
    arguments.add_argument("--list", action="store_true", help="show the drills that were made")
    options = arguments.parse_args(argv)
    if not options.timeout > 0:
        arguments.error("--timeout must be more than 0 seconds")
    if options.tenant == options.owner:
        arguments.error("--from and --to are the same tenant: no wall lies between them")
    return guarded("drill", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    with open_store(options.store, role="reader"):  # a writer would make a store that is not there
        pass
    with open_store(options.store, role="writer") as store:
        if options.list:
            return _list(store, as_json=options.json)
        if problem := _problem(options, store):
            print(f"partywall drill: {problem}", file=sys.stderr)
            return 2
        token: str = options.token.strip()
        own = "" if token else secrets.token_urlsafe(32)
        made = prepare(
            *(store, options.tenant, options.owner),
            pages=options.page,
            token=own,
            kind=options.kind,
        )
        try:
            begun = _send(options, made, token or own, patience=KNOWN_WITHIN if own else 0)
            done = wait(store, made.drill, begun, options.timeout, _analysis(options, store))
        except NotSent as error:
            print(f"partywall drill: nothing was sent: {error}", file=sys.stderr)
            return 2
        finally:
            if own:
                retire(store)
        found = sorted(found_of(store, done))
        if done.found_after and not options.keep_open:
            close(store, done)
    return _told(done, found, options)


def _problem(options: argparse.Namespace, store: Store) -> str:
    known = [tenant.id for tenant in current(store, Tenant)]
    for name in (options.tenant, options.owner):
        if name not in known and name not in TENANTS:
            return (
                f"no tenant '{clean(name)}' is registered{close_to(name, known) or ';'} "
                "`partywall registry show tenants` lists them"
            )
    return ""


def _send(options: argparse.Namespace, made: Prepared, token: str, patience: float) -> float:
    """Send the spans; the time at which they went. A new token needs a moment to be known."""

    def connect() -> HttpTransport | GrpcTransport:
        if options.grpc:
            return GrpcTransport(options.grpc, token)
        return HttpTransport(options.endpoint, token)

    end = time.monotonic() + patience
    while True:
        begun, sender = time.monotonic(), Sender(connect)
        try:
            sender.send([made.spans])
        except NotSent:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
            continue
        if sender.acknowledged.rejected:
            raise NotSent("the collector refused its spans")
        return begun


def _analysis(options: argparse.Namespace, store: Store) -> Any:
    if not options.analyze:
        return None
    from partywall_analyzer.engine import analyze

    return lambda: analyze(store)


def _told(done: Drill, rules: Sequence[str], options: argparse.Namespace) -> int:
    found = bool(done.found_after) and (not options.page or bool(done.told_after))
    if options.json:
        print(json.dumps(done.to_dict() | {"found": bool(done.found_after), "rules": rules}))
        return 0 if found else 1
    if done.found_after:
        print(f"found after {done.found_after:.1f} s: {done.finding_id}")
        if done.told_after:
            print(f"somebody was told after {done.told_after:.1f} s")
        print(f"partywall chain {done.finding_id}")
    if not done.found_after:
        wanted = RULES[done.kind]
        missing = f" by {', '.join(r for r in wanted if r not in rules)}" if len(wanted) > 1 else ""
        print(
            f"partywall drill: not found{missing} in {options.timeout:g} s. Were the spans refused "
            "(`partywall quarantine list`)? Does something analyze (`partywall up`, `partywall "
            "watch`, or --analyze)?",
            file=sys.stderr,
        )
    elif not found:
        print(
            f"partywall drill: nobody was told in {options.timeout:g} s; does a route take it?",
            file=sys.stderr,
        )
    return 0 if found else 1


def _list(store: Store, *, as_json: bool) -> int:
    made = drills(store)
    if as_json:
        print(json.dumps({"drills": [each.to_dict() for each in made]}))
        return 0
    rows = [
        [
            f"{each.sent_at:%Y-%m-%d %H:%M:%S}",
            each.kind,
            clean(each.tenant),
            clean(each.owner),
            f"{each.found_after:.1f} s" if each.found_after else "not found",
            f"{each.told_after:.1f} s" if each.told_after else "-",
            each.finding_id or "-",
        ]
        for each in made
    ]
    print_table(["sent", "kind", "from", "to", "found after", "told after", "finding"], rows)
    return 0
