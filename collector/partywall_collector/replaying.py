"""Replays files to a collector and accounts for every span that was read."""

import hashlib
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.otlp_files import DamagedFile, OtlpFile
from partywall_collector.otlp_sender import Batch, HttpTransport, NotSent, Sender, Transport
from partywall_collector.registry.load import write
from partywall_collector.registry.model import ANY, Principal
from partywall_collector.store import Store, statement
from partywall_collector.store.facade import serve

SQL = "partywall_collector.commands.sql"

LOCAL = "replay"
"""The principal of an embedded replay."""

BATCH_BYTES = 1 << 20
BATCH_SPANS = 8192
LOADING_PATIENCE = 60.0


@dataclass(slots=True)
class Summary:
    """What became of the files. The fields are those of `--json`."""

    files: int
    read_requests: int = 0
    read_spans: int = 0
    acknowledged_requests: int = 0
    acknowledged_spans: int = 0
    rejected_spans: int = 0
    repeated_spans: int = 0
    """Acknowledged, and not stored a second time: the collector had them within the last hour."""
    retries: int = 0
    accepted: dict[str, int] = field(default_factory=dict[str, int])
    """Spans by tenant."""
    traces: int = 0
    quarantined: dict[str, int] = field(default_factory=dict[str, int])
    """Spans by reason."""
    agree: bool | None = None
    """Whether accepted and quarantined spans together are those read; None: not looked at."""
    damaged: list[str] = field(default_factory=list[str])
    interrupted: bool = False
    error: str = ""
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 all accepted, 1 not all, 2 could not be sent, 130 after Ctrl-C."""
        if self.interrupted:
            return 130
        if self.error:
            return 2
        left = self.quarantined or self.damaged or self.rejected_spans or self.agree is False
        return 1 if left else 0


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and where to see what became of it."""

    connect: Callable[[], Transport]
    finish: Callable[[], bool] = lambda: False
    """Called after the last batch; True if everything acknowledged is in the store by then."""
    store: Store | None = None
    principal: str = ""


@contextmanager
def own_collector(store: Store, principal: str = LOCAL) -> Generator[Target]:
    """Run a collector on the store, with a principal that may send for every registered tenant.

    The principal's token is new each time and ends with the block.
    """
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    write([Principal(id=principal, tenants=(ANY,), token_sha256=digest)], store)
    with ExitStack() as running:
        running.callback(write, [Principal(id=principal, tenants=(ANY,))], store)
        if store.url.startswith("chdb:"):
            running.enter_context(serve(store))
        collector = running.enter_context(Collector(store, Config.default(store.url)))
        yield Target(
            lambda: HttpTransport(collector.http_endpoint, token),
            finish=collector.drain,
            store=store,
            principal=principal,
        )


def replay(
    files: Sequence[OtlpFile], target: Target, tell: Callable[[str], None] = lambda _: None
) -> Summary:
    """Send all files; `tell` hears now and then what is being done.

    Ctrl-C ends the sending: what was on the way is waited for, and the summary says so.
    """
    summary = Summary(files=len(files))
    start, since = time.monotonic(), time.time_ns()
    sender = Sender(target.connect)
    try:
        sender.send(_batches(files, summary, tell))
    except NotSent as error:
        summary.error = str(error)
    except KeyboardInterrupt:
        summary.interrupted = True
    summary.acknowledged_requests = sender.acknowledged.requests
    summary.acknowledged_spans = sender.acknowledged.spans
    summary.rejected_spans = sender.acknowledged.rejected
    summary.repeated_spans = sender.acknowledged.repeated
    summary.retries = sender.acknowledged.retries
    tell("loading")
    try:
        loaded = target.finish()
        if target.store:
            deadline = time.monotonic() + (0 if loaded else LOADING_PATIENCE)
            window = {"since": since, "principal": target.principal}
            _count(target.store, window, summary, deadline)
    except KeyboardInterrupt:
        summary.interrupted = True
    summary.seconds = round(time.monotonic() - start, 3)
    return summary


def _batches(
    files: Sequence[OtlpFile], summary: Summary, tell: Callable[[str], None]
) -> Iterator[Batch]:
    """Join the files' requests to larger ones: serialised messages in a row are their union."""
    bodies: list[bytes] = []
    size = spans = 0
    for file in files:
        tell(file.path.name)
        try:
            for request in file.requests():
                summary.read_requests += 1
                summary.read_spans += request.spans
                bodies.append(request.body)
                size += len(request.body)
                spans += request.spans
                if size >= BATCH_BYTES or spans >= BATCH_SPANS:
                    yield Batch(b"".join(bodies), len(bodies), spans)
                    bodies, size, spans = [], 0, 0
                    tell(file.path.name)
        except DamagedFile as damage:
            summary.damaged.append(str(damage))
    if bodies:
        yield Batch(b"".join(bodies), len(bodies), spans)


def _count(store: Store, window: dict[str, Any], summary: Summary, deadline: float) -> None:
    """Ask the store what arrived; a running collector may take a moment to load it."""
    while True:
        accepted = store.rows(statement(SQL, "replayed_spans"), window)
        quarantined = store.rows(statement(SQL, "replayed_quarantine"), window)
        found = sum(row["spans"] for row in (*accepted, *quarantined))
        if (
            found >= summary.acknowledged_spans - summary.repeated_spans
            or time.monotonic() > deadline
        ):
            break
        time.sleep(0.2)
    summary.accepted = {row["tenant"]: row["spans"] for row in accepted}
    summary.quarantined = {row["reason"]: row["spans"] for row in quarantined}
    summary.traces = store.rows(statement(SQL, "replayed_traces"), window)[0]["traces"]
    stored = found + summary.repeated_spans
    summary.agree = stored == summary.acknowledged_spans == summary.read_spans
