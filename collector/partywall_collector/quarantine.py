"""What lies in quarantine: found, released once the registry is mended, or purged.

A release is judged by the same SQL as a request that comes in now, with the original principal and
the tenants that it may write for now. What is to be released is written to the home folder first:
where a release breaks off, the next one takes back what it left and does it again.
"""

import base64
import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_collector.canonical import from_protobuf
from partywall_collector.envelope import Envelope, frame, read
from partywall_collector.otlp_spans import resource_spans
from partywall_collector.registry.load import current
from partywall_collector.registry.model import ANY, GATEWAY, Principal, Tenant
from partywall_collector.spool_files import sync_folder, write_whole
from partywall_collector.store import QueryFailed, Store, statement
from partywall_collector.store.altering import alter

log = logging.getLogger("partywall.quarantine")
QUERIES: Final = "partywall_collector.sql.quarantine"
RELEASABLE: Final = ("foreign tenant", "unknown tenant")
"""Reasons that a change of the registry can mend; the others are the span's own."""
ATTESTATION: Final = "A1"
BATCH: Final = 10_000
"""Spans that are released at a time; never a part of a request."""
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
END: Final = datetime(2262, 1, 1, tzinfo=UTC)


class ReleaseInUse(Exception):
    """Another process releases or purges; met by who asks for it too."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which spans; what is left out matches all."""

    reason: str = ""
    principal: str = ""
    tenant: str = ""
    """One that the span claims."""
    since: datetime = BEGINNING
    until: datetime = END

    def params(self) -> dict[str, Any]:
        """The filter as the parameters of a statement."""
        moments = {"since": _nanoseconds(self.since), "until": _nanoseconds(self.until)}
        return asdict(self) | moments


@dataclass(slots=True)
class Released:
    """What a release came to, in spans."""

    released: dict[str, int] = field(default_factory=dict[str, int])
    """By tenant."""
    refused: dict[str, int] = field(default_factory=dict[str, int])
    """Judged again and refused, by reason; they are in quarantine."""
    left: int = 0
    """Not touched: the registry still does not bear their claim out."""


class Quarantine:
    """The quarantine of a store; it needs a writer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._intent = store.home / "release.json"

    def counts(self, which: Filter) -> list[dict[str, Any]]:
        """Rows of reason, principal, claimed_tenants, spans, first, last."""
        return self._store.rows(statement(QUERIES, "counted"), which.params())

    def spans(self, which: Filter, *, span: str = "", limit: int) -> list[dict[str, Any]]:
        """The spans, the newest first; `span` is a span id in hex."""
        more = {"span": span, "limit": limit}
        return self._store.rows(statement(QUERIES, "listed"), which.params() | more)

    def release(self, which: Filter, tell: Callable[[str], None] = lambda _: None) -> Released:
        """Judge the spans again; those whose claim is good now go to their tenants, once."""
        summary = Released()
        with self._alone():
            self._finish(summary)
            tenants = {tenant.id for tenant in current(self._store, Tenant)}
            principals = current(self._store, Principal)
            senders = {sender.id: sender.tenants for sender in principals}
            gateways = {sender.id for sender in principals if GATEWAY in sender.roles}
            for rows in self._pages(which):
                good = [
                    row
                    for row in rows
                    if row["claim"] in tenants
                    and not {ANY, row["claim"]}.isdisjoint(senders.get(row["principal"], ()))
                    and not (row["principal"] in gateways and _was_chosen(row))
                ]
                summary.left += len(rows) - len(good)
                if good:
                    self._intend(good, senders)
                    self._finish(summary, fresh=True)
                    tell(f"{sum(summary.released.values()):,} spans released")
        return summary

    def purge(self, which: Filter) -> int:
        """Delete the spans for good; returns how many."""
        with self._alone():
            self._finish(Released())
            count = sum(row["spans"] for row in self.counts(which))
            self._store.command(statement(QUERIES, "purge"), which.params())
        return count

    def _pages(self, which: Filter) -> Iterator[list[dict[str, Any]]]:
        params = which.params() | {"limit": BATCH}
        while rows := self._store.rows(statement(QUERIES, "releasable"), params):
            yield rows
            params["since"] = rows[-1]["stamp"] + 1

    def _intend(self, rows: Sequence[dict[str, Any]], senders: dict[str, tuple[str, ...]]) -> None:
        """Write down what is to be released, by sender and claim, and what it was taken from."""
        requests: dict[tuple[str, str], ExportTraceServiceRequest] = {}
        for row in rows:
            request = requests.setdefault(
                (row["principal"], row["claim"]), ExportTraceServiceRequest()
            )
            whole = resource_spans(row["trace_id"], row["span_id"], row["span"])
            request.resource_spans.append(whole)
        now = time.time_ns()
        segment = b"".join(
            b"".join(
                frame(
                    Envelope(
                        sender,
                        senders[sender],
                        ATTESTATION,
                        now + number,
                        from_protobuf(request.SerializeToString()).body,
                        # Also where the span itself names none: a gateway chose it.
                        chosen_tenant=claim,
                    )
                )
            )
            for number, ((sender, claim), request) in enumerate(requests.items())
        )
        taken = sorted({(row["stamp"], row["claim"]) for row in rows})
        intent = {"taken": taken, "segment": base64.b64encode(segment).decode()}
        write_whole(self._intent, [json.dumps(intent).encode()])
        sync_folder(self._store.home)

    def _finish(self, summary: Released, *, fresh: bool = False) -> None:
        """Do what is written down, if anything: load it, take it out of quarantine."""
        if not self._intent.exists():
            return
        intent = json.loads(self._intent.read_bytes())
        segment = base64.b64decode(intent["segment"])
        stamps = [envelope.received_at for _, envelope in read(segment)]
        if not fresh:
            log.warning("an earlier release broke off; it is done again")
            self._forget(stamps)
        try:
            self._store.load(segment, token=f"release-{secrets.token_hex(8)}")
        except QueryFailed:
            self._forget(stamps)
            self._intent.unlink()
            raise
        for row in self._store.rows(statement(QUERIES, "arrived"), {"stamps": stamps}):
            counts = summary.refused if row["reason"] else summary.released
            place = row["reason"] or row["place"]
            counts[place] = counts.get(place, 0) + row["spans"]
        old, claims = zip(*intent["taken"], strict=True)
        taken = {"stamps": list(old), "claims": list(claims)}
        self._store.command(statement(QUERIES, "released"), taken)
        self._intent.unlink()
        sync_folder(self._store.home)

    def _forget(self, stamps: Iterable[int]) -> None:
        """Take back what a load of these requests may have left."""
        for name in ("forget_spans", "forget_calls", "forget_quarantine"):
            query = statement("partywall_collector.sql.loader", name)
            alter(self._store, query, {"received_at": list(stamps)})

    @contextmanager
    def _alone(self) -> Generator[None]:
        descriptor = os.open(self._store.home / "release.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise ReleaseInUse("another process releases or purges; try again later") from None
        finally:
            os.close(descriptor)


def _was_chosen(row: Mapping[str, Any]) -> bool:
    """Whether a gateway said another tenant of the request: no registry makes that claim good.

    Its request then had that one tenant, as has that of a gateway with one tenant.
    """
    return len(row["tenants"]) == 1 and row["tenants"] not in ([ANY], [row["claim"]])


def _nanoseconds(moment: datetime) -> int:
    seconds = (moment - BEGINNING) // (BEGINNING.resolution * 1_000_000)
    return seconds * 1_000_000_000 + moment.microsecond * 1000
