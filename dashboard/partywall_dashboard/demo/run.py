"""Runs the demo: a store, the registry, a collector, the agents over the wire, the analysis."""

import hashlib
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from partywall_analyzer import analyze
from partywall_analyzer.findings import OPERATOR, list_findings, totals
from partywall_analyzer.model import Finding
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.registry.load import load, write
from partywall_collector.registry.model import Principal
from partywall_collector.store import Store, open_store
from partywall_collector.store.facade import serve
from partywall_dashboard.demo.scenario import INJECTED, JOBS
from partywall_dashboard.demo.workers import import_early, run_agents

Tell = Callable[[str], None]

WAIT_LOADED: Final = 60.0


class DemoFailed(Exception):
    """The demo could not be played; the text says which part."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo did and what was found."""

    store: str
    sent: int
    accepted: int
    quarantined: int
    findings: list[Finding]
    seconds: float

    @property
    def planted(self) -> Finding | None:
        """The most urgent and best proven finding of the request with the planted note."""
        ours = [finding for finding in self.findings if finding.request_id == INJECTED]
        return max(ours, key=lambda found: (found.severity.rank, found.proof), default=None)

    def to_dict(self) -> dict[str, Any]:
        """What `partywall demo --json` prints."""
        return {
            "store": self.store,
            "spans": {
                "sent": self.sent,
                "accepted": self.accepted,
                "quarantined": self.quarantined,
            },
            "planted": self.planted.id if self.planted else None,
            "findings": [finding.to_dict() for finding in self.findings],
            "seconds": round(self.seconds, 2),
        }


@contextmanager
def played(home: Path, tell: Tell) -> Generator[Outcome]:
    """Play everything; the store answers other processes for as long as the context lasts."""
    began = time.monotonic()
    url = f"chdb://{home}"
    method = import_early()
    with open_store(url, role="owner") as store, serve(store):
        tell("opened an embedded ClickHouse")
        tokens = register(store)
        tell(f"loaded the registry: {len(JOBS)} customers of one provider")
        with Collector(store, Config.default(url)) as collector:
            tell(f"collector listens on {collector.http_endpoint}, a token for each customer")
            sent = run_agents(
                method, collector.http_endpoint, tokens, str(store.home / "fingerprint.key")
            )
            jobs = sum(map(len, JOBS.values()))
            tell(f"{jobs} agent runs sent {sent} spans over OTLP")
            if not collector.drain(WAIT_LOADED):
                raise DemoFailed("the collector could not load what it took")
        stored = totals(store, OPERATOR)
        tell(f"{stored.spans} spans in their customers' tables, {stored.quarantined} in quarantine")
        analyze(store)
        found = list_findings(store, OPERATOR).rows
        tell(f"analysed: {len(found)} places where a chain went through a wall")
        yield Outcome(url, sent, stored.spans, stored.quarantined, found, time.monotonic() - began)


def register(store: Store) -> Mapping[str, str]:
    """Load the registry file and admit one sender a customer; returns their new tokens."""
    with as_file(files("partywall_dashboard.demo").joinpath("registry.yaml")) as path:
        load([path], store)
    tokens = {tenant: secrets.token_urlsafe(32) for tenant in JOBS}
    write(
        [
            Principal(
                id=f"agents@{tenant}",
                tenants=(tenant,),
                token_sha256=hashlib.sha256(token.encode()).hexdigest(),
            )
            for tenant, token in tokens.items()
        ],
        store,
    )
    return tokens
