"""The collector as a whole: receivers, spool and loader around a store."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from partywall_collector.authenticators import Chain, chains
from partywall_collector.config import SIGNALS, Config
from partywall_collector.endpoints import Auth, OtlpReceiver
from partywall_collector.exposition import PATH, Exposition, Held, Moment, metrics_app
from partywall_collector.governance import Governance
from partywall_collector.grants import Grants
from partywall_collector.loader import Loader
from partywall_collector.machine import load_bytes, of_machine, segment_bytes
from partywall_collector.memory import Memory
from partywall_collector.metrics import Counters, Stats
from partywall_collector.principals import Principals
from partywall_collector.quotas import Quotas
from partywall_collector.receivers.health import health_app
from partywall_collector.receivers.http_server import HttpServer
from partywall_collector.receivers.intake import Intake, Intakes
from partywall_collector.receivers.log_intake import LogIntake
from partywall_collector.receivers.otlp_grpc import GrpcReceiver
from partywall_collector.receivers.otlp_http import otlp_app
from partywall_collector.receivers.parsing import Parsing
from partywall_collector.receivers.registry_intake import RegistryIntake
from partywall_collector.receivers.room import Room
from partywall_collector.receivers.trace_intake import TraceIntake
from partywall_collector.registry.placement import Limits as PlacementLimits
from partywall_collector.registry.placement import limit
from partywall_collector.repeats import Repeats
from partywall_collector.spool import MIB, Limits, Spool
from partywall_collector.store import Store
from partywall_collector.tls import Certificates

log = logging.getLogger("partywall.collector")
STOP_PATIENCE = 60.0


class Collector:
    """Takes spans and governance events from `start` to `stop`, or within a `with` block.

    At the end everything is loaded.

    The store is the caller's: it is open before and stays open after. What could not be loaded at
    the end (a store that went away) stays in the spool and is loaded at the next start.
    """

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._counters = Counters()
        self._spool: Spool | None = None
        self._principals: Principals | None = None
        self._quotas: Quotas | None = None
        self._grpc: list[GrpcReceiver] = []
        self._http: list[HttpServer] = []
        self._ready = self._started = False
        self._running = ExitStack()
        self._patience = STOP_PATIENCE
        self.metrics_endpoint = ""
        """http://host:port/metrics with the real port; "" where none is configured."""

    def start(self) -> None:
        """Listen; raises `ConfigError` for an endpoint that is taken, `SpoolInUse` for a spool."""
        with ExitStack() as undo:
            limits = _limits(self._config)
            if self._store.engine:  # its tables lie on the same disk
                limits = replace(limits, free_bytes=limits.segment_bytes)
            self._spool = Spool(self._store.home / "spool", limits)
            undo.callback(self._spool.close)
            if router := self._config.tenant_router:
                limit(self._store, PlacementLimits(router.own_partitions, router.pools))
            repeats = Repeats()
            repeats.recall(self._store, self._spool)
            retry = self._config.exporter.retry_on_failure
            most = _load_bytes(self._config)
            loader = Loader(self._store, self._spool, self._counters, retry, most)
            loader.start()
            undo.callback(loader.stop)
            undo.callback(self._drain_at_the_end)
            self._quotas = Quotas(self._store, self._config.refresh_interval)
            undo.callback(self._quotas.stop)
            self._principals = Principals(self._store, self._config.refresh_interval)
            undo.callback(self._principals.stop)
            grants = Grants(self._store, self._config.refresh_interval)
            limiter = self._config.memory_limiter
            memory = Memory(limiter) if limiter else None
            room = Room(limits.memory_bytes, memory)
            governance = Governance(self._store)
            parsing = Parsing(of_machine())
            intakes: dict[str, Intake] = {
                "traces": TraceIntake(
                    self._spool, repeats, grants, self._quotas, self._counters, parsing
                ),
                "logs": LogIntake(governance, self._counters, parsing),
            }
            finders = chains(self._config.authenticators, self._principals)

            def chain(auth: Auth) -> Chain:
                return Chain([finders[name] for name in auth.authenticator], principals)

            principals = self._principals
            for name, receiver in self._config.receivers.items():
                signals = self._config.signals[name]
                own = {signal: intakes[signal] for signal in SIGNALS if signal in signals}
                entries = RegistryIntake(governance) if "logs" in signals else None
                shared = Intakes(own, room, self._counters, entries)
                self._listen(name, receiver, shared, chain, undo)
            for name, health in self._config.health.items():
                app = health_app(health, lambda: self._ready)
                server = HttpServer(app, health.endpoint, f"extensions.{name}.endpoint")
                undo.callback(server.stop)
                server.start()
            if endpoint := self._config.telemetry.metrics:
                app = metrics_app(Exposition(self._store, self._moment))
                server = HttpServer(app, endpoint, self._config.telemetry.metrics_key)
                undo.callback(server.stop)
                server.start()
                self.metrics_endpoint = f"http://{server.endpoint}{PATH}"
            for server in (*self._grpc, *self._http):
                server.start()
            self._ready = self._started = True
            self._running = undo.pop_all()

    def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Take no more requests, load what is acknowledged in that time, give the spool back."""
        self._ready = False
        self._patience = patience
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def grpc_endpoint(self) -> str:
        """host:port of the first OTLP/gRPC receiver, with the real port; "" without one."""
        return self._grpc[0].endpoint if self._grpc else ""

    @property
    def http_endpoint(self) -> str:
        """The URL of the first OTLP/HTTP receiver, with the real port; "" without one."""
        return self._http[0].url if self._http else ""

    @property
    def principals(self) -> int:
        """How many senders the registry knows now."""
        return len(self._principals) if self._principals else 0

    def refresh(self) -> None:
        """Read the registry's principals and quotas now, not within the refresh interval."""
        if self._principals and self._quotas:
            self._principals.refresh()
            self._quotas.refresh()

    def drain(self, timeout: float = STOP_PATIENCE) -> bool:
        """Wait until everything acknowledged so far is queryable; False when time runs out."""
        return self._spool is None or self._spool.wait_loaded(timeout)

    def stats(self) -> Stats:
        """What was taken, refused and loaded, and what waits."""
        segments, size, age = self._spool.backlog() if self._spool else (0, 0, 0.0)
        return self._counters.stats(segments, size, age)

    def _moment(self, held: Held) -> Moment:
        capacity = _limits(self._config).disk_bytes
        return Moment(self.stats(), self._ready, self.principals, capacity, held)

    def _listen(
        self,
        name: str,
        receiver: OtlpReceiver,
        intakes: Intakes,
        chain: Callable[[Auth], Chain],
        undo: ExitStack,
    ) -> None:
        path = f"receivers.{name}.protocols"
        if grpc := receiver.protocols.grpc:
            server = GrpcReceiver(intakes, chain(grpc.auth), grpc, f"{path}.grpc")
            undo.callback(server.stop)
            self._grpc.append(server)
        if http := receiver.protocols.http:
            app = otlp_app(intakes, chain(http.auth), http)
            tls = Certificates(http.tls, f"{path}.http.tls").for_http() if http.tls else None
            key = f"{path}.http.endpoint"
            server = HttpServer(app, http.endpoint, key, tls, http.read_timeout)
            undo.callback(server.stop)
            self._http.append(server)

    def _drain_at_the_end(self) -> None:
        if self._started and not self.drain(self._patience):
            log.warning("not everything could be loaded; it stays in the spool for the next start")


def _load_bytes(config: Config) -> int:
    return (config.exporter.load_memory_mib * MIB) or load_bytes(of_machine())


def _limits(config: Config) -> Limits:
    queue = config.exporter.sending_queue
    return Limits(
        segment_spans=queue.batch.max_spans,
        segment_bytes=(queue.batch.max_size_mib * MIB) or segment_bytes(_load_bytes(config)),
        segment_age=queue.batch.flush_timeout,
        disk_bytes=queue.queue_size_mib * MIB,
        memory_bytes=queue.pending_size_mib * MIB,
    )
