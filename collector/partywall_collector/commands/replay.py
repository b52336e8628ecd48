"""`partywall replay`: sends OTLP files over the wire, to a running collector or one of its own."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from partywall_collector.commands.options import DEFAULT_STORE, store_url
from partywall_collector.config_document import ConfigError
from partywall_collector.otlp_files import DamagedFile, OtlpFile
from partywall_collector.otlp_sender import GrpcTransport, HttpTransport, NotSent, Transport
from partywall_collector.registry.load import RegistryRefused, current, load
from partywall_collector.registry.model import Tenant
from partywall_collector.replaying import Summary, Target, own_collector, replay
from partywall_collector.spool import SpoolInUse
from partywall_collector.store import StoreError, StoreInUse, open_store, statement

SQL = "partywall_collector.commands.sql"

EXAMPLE = """\
examples:
  partywall replay traces.binpb.gz --registry registry.yaml
  partywall replay traces.jsonl --endpoint http://127.0.0.1:4318 --token "$PARTYWALL_TOKEN"

exit code 0: all spans were accepted; 1: some went to quarantine, or a file was damaged;
2: it could not run
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    try:
        files = [OtlpFile(path) for path in options.files]
        with ExitStack() as running:
            remote = options.endpoint or options.grpc
            target = (_remote if remote else _embedded)(options, running)
            with _progress(files) as tell:
                summary = replay(files, target, tell)
    except (DamagedFile, NotSent, StoreError, ConfigError, SpoolInUse, OSError) as error:
        print(f"partywall replay: {error}", file=sys.stderr)
        return 2
    except RegistryRefused as refused:
        print(refused, file=sys.stderr)
        print("partywall replay: nothing was sent; mend the registry first", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(asdict(summary), ensure_ascii=False))
    else:
        _print_summary(summary)
    for damage in summary.damaged:
        print(f"partywall replay: {damage}", file=sys.stderr)
    if summary.error:
        print(f"partywall replay: {summary.error}", file=sys.stderr)
    return summary.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall replay",
        description="Send files of OTLP trace requests over the wire.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="length-delimited protobuf (.binpb) or the file exporter's JSON lines (.json, "
        ".jsonl), each also .gz",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--endpoint", metavar="URL", help="a running collector's OTLP/HTTP, http://127.0.0.1:4318"
    )
    where.add_argument(
        "--grpc", metavar="HOST:PORT", help="a running collector's OTLP/gRPC, 127.0.0.1:4317"
    )
    parser.add_argument(
        "--token",
        default=os.environ.get("PARTYWALL_TOKEN", ""),
        help="the bearer token for a running collector (default: $PARTYWALL_TOKEN)",
    )
    parser.add_argument(
        "--registry",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="load this registry file first; again for more",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="the store of the embedded collector (default: $PARTYWALL_STORE, else "
        f"{DEFAULT_STORE}); with --endpoint or --grpc, where to count what arrived",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    return parser


def _remote(options: argparse.Namespace, running: ExitStack) -> Target:
    def connect() -> Transport:
        if options.grpc:
            return GrpcTransport(options.grpc, options.token.strip())
        return HttpTransport(options.endpoint, options.token.strip())

    if not (options.store or options.registry):
        return Target(connect)
    store = running.enter_context(open_store(options.store or store_url()))
    if options.registry:
        load(options.registry, store)
    digest = hashlib.sha256(options.token.strip().encode()).hexdigest()
    found = store.rows(statement(SQL, "principal_of_token"), {"digest": digest})
    if not found:
        raise NotSent(
            "the token is not one of the store's; `partywall registry token NAME --tenant ID` "
            "makes one"
        )
    return Target(connect, store=store, principal=found[0]["principal_id"])


def _embedded(options: argparse.Namespace, running: ExitStack) -> Target:
    url = options.store or store_url()
    try:
        store = running.enter_context(open_store(url, role="owner"))
    except StoreInUse as error:
        raise StoreInUse(
            f"{error}. To send to the collector that runs there: --endpoint "
            "http://127.0.0.1:4318 --token TOKEN (`partywall registry token` makes one)"
        ) from None
    if options.registry:
        load(options.registry, store)
    if not current(store, Tenant):
        print(
            "partywall replay: no tenant is registered, so every span goes to quarantine; "
            "--registry FILE names them",
            file=sys.stderr,
        )
    return running.enter_context(own_collector(store))


@contextmanager
def _progress(files: Sequence[OtlpFile]) -> Generator[Callable[[str], None]]:
    """A bar of the bytes read, where somebody is looking."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=sum(file.size for file in files))
        yield lambda what: progress.update(
            task, description=what[-40:], completed=sum(file.position for file in files)
        )


def _print_summary(summary: Summary) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("")
    table.add_column("spans", justify="right")
    rows = [
        ("read", f"{summary.files} files, {summary.read_requests:,} requests", summary.read_spans),
        ("acknowledged", "", summary.acknowledged_spans),
        *([("given back", "", summary.rejected_spans)] if summary.rejected_spans else []),
        *([("sent before", "", summary.repeated_spans)] if summary.repeated_spans else []),
        *(("accepted", tenant, spans) for tenant, spans in summary.accepted.items()),
        *(("quarantined", reason, spans) for reason, spans in summary.quarantined.items()),
    ]
    before = ""
    for what, detail, spans in rows:
        table.add_row("" if what == before else what, Text(detail), f"{spans:,}")
        before = what
    console.print(table)
    if summary.agree:
        total = sum(summary.accepted.values())
        console.print(
            f"accepted {total:,} in {summary.traces:,} traces and quarantined "
            f"{sum(summary.quarantined.values()):,}: together all that was read"
            + (" but for what was sent before" if summary.repeated_spans else "")
        )
    elif summary.agree is False:
        found = sum(summary.accepted.values()) + sum(summary.quarantined.values())
        console.print(f"{found:,} spans are in the store and {summary.read_spans:,} were read")
        if found + summary.repeated_spans < summary.acknowledged_spans:
            console.print("what is acknowledged waits in the spool for the collector's next start")
    if summary.interrupted:
        console.print("stopped by Ctrl-C; what was acknowledged is safe")
    retries = f", {summary.retries:,} retries" if summary.retries else ""
    console.print(f"{summary.seconds:,.1f} s{retries}")
