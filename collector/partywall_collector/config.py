"""otel-config.yaml, checked: the OpenTelemetry Collector's grammar with Partywall's components."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from partywall_collector.component_values import Endpoint, Names
from partywall_collector.components import (
    COMPONENTS,
    ClickhouseExporter,
    MemoryLimiter,
    TenantRouter,
)
from partywall_collector.config_checks import (
    check_endpoints,
    check_exporter,
    check_extension,
    check_limiters,
    check_memory_limiter,
    check_processors,
    check_receiver,
    check_routers,
)
from partywall_collector.config_document import ConfigError, Node, read_documents
from partywall_collector.config_sections import (
    component_of,
    did_you_mean,
    mapping,
    refuse_unknown,
)
from partywall_collector.endpoints import Auth, Grpc, Http, OtlpReceiver, Protocols
from partywall_collector.extensions import Authenticator, HealthCheck, RegistryAuth
from partywall_collector.telemetry import Telemetry, read_telemetry

TOP = (*COMPONENTS, "service")
SERVICE = ("extensions", "pipelines", "telemetry")
SIGNALS = ("traces", "logs")
"""What a pipeline can take; logs are governance events."""
PIPELINE = ("receivers", "processors", "exporters")


@dataclass(frozen=True, slots=True)
class Config:
    """What the collector runs: the components that a pipeline or the service names."""

    receivers: Mapping[str, OtlpReceiver]
    signals: Mapping[str, frozenset[str]]
    """What each receiver takes, by its name: the signals of the pipelines that name it."""
    exporter: ClickhouseExporter
    authenticators: Mapping[str, Authenticator]
    health: Mapping[str, HealthCheck]
    telemetry: Telemetry = field(default_factory=Telemetry)
    memory_limiter: MemoryLimiter | None = None
    tenant_router: TenantRouter | None = None
    """None leaves the limits of placement to whoever said them last."""

    @classmethod
    def load(cls, paths: Sequence[Path], overrides: Iterable[str] = ()) -> "Config":
        """The files merged in their order, then the `key.path=value` settings; or `ConfigError`."""
        return _config(read_documents(paths, overrides))

    @classmethod
    def default(
        cls,
        store_url: str,
        *,
        grpc: str = "127.0.0.1:0",
        http: str = "127.0.0.1:0",
    ) -> "Config":
        """One receiver on the two endpoints, without health check; for programs, not for files."""
        auth = Auth(authenticator=Names(("registry_auth",)))
        protocols = Protocols(
            Grpc(endpoint=Endpoint(grpc), auth=auth), Http(endpoint=Endpoint(http), auth=auth)
        )
        exporter = ClickhouseExporter(endpoint=store_url)
        known: dict[str, Authenticator] = {"registry_auth": RegistryAuth()}
        return cls(
            {"otlp": OtlpReceiver(protocols)}, {"otlp": frozenset(SIGNALS)}, exporter, known, {}
        )

    @property
    def refresh_interval(self) -> float:
        """Seconds after which the registry's principals and issuers are read again."""
        known = [i for i in self.authenticators.values() if isinstance(i, RegistryAuth)]
        return min(item.refresh_interval for item in known or [RegistryAuth()])

    def with_store(self, url: str) -> "Config":
        """The same with another store."""
        return replace(self, exporter=replace(self.exporter, endpoint=url))


def _config(root: Node) -> Config:
    top = mapping(root, "the configuration")
    refuse_unknown(top, TOP, "")
    built = {
        section: {
            name: component_of(section, name, node)
            for name, node in mapping(top.get(section), section).items()
        }
        for section in COMPONENTS
    }
    if "service" not in top:
        raise ConfigError(f"{root.where}: service is missing; it names the pipelines that run")
    service = mapping(top["service"], "service")
    refuse_unknown(service, SERVICE, "service")
    extensions = _references(service, "extensions", "service", built["extensions"])
    running = _pipelines(top["service"], service, built)
    for name, receiver in running.receivers.items():
        check_receiver(name, receiver, top, extensions)
    limiter = built["processors"].get(running.limiter)
    if limiter:
        check_memory_limiter(running.limiter, limiter, top)
    for name, exporter in built["exporters"].items():
        if exporter is running.exporter:
            check_exporter(name, exporter, top)
    for name, extension in extensions.items():
        check_extension(name, extension, top)
    telemetry = read_telemetry(service.get("telemetry"))
    check_endpoints(_endpoints(running.receivers, extensions, telemetry))
    return Config(
        receivers=running.receivers,
        signals=running.signals,
        exporter=running.exporter,
        authenticators={
            key: item for key, item in extensions.items() if isinstance(item, Authenticator)
        },
        health={key: item for key, item in extensions.items() if isinstance(item, HealthCheck)},
        telemetry=telemetry,
        memory_limiter=limiter,
        tenant_router=running.router,
    )


def _endpoints(
    receivers: Mapping[str, OtlpReceiver], extensions: Mapping[str, Any], telemetry: Telemetry
) -> Iterator[tuple[str, Endpoint | None]]:
    """Each key that says where to listen."""
    for name, receiver in receivers.items():
        for protocol in ("grpc", "http"):
            settings: Grpc | Http | None = getattr(receiver.protocols, protocol)
            if settings:
                yield f"receivers.{name}.protocols.{protocol}.endpoint", settings.endpoint
    for name, extension in extensions.items():
        if isinstance(extension, HealthCheck):
            yield f"extensions.{name}.endpoint", extension.endpoint
    yield telemetry.metrics_key, telemetry.metrics


class _Running(NamedTuple):
    """What the pipelines name."""

    receivers: dict[str, OtlpReceiver]
    signals: dict[str, frozenset[str]]
    exporter: ClickhouseExporter
    limiter: str
    """The id of the memory limiter; "" for none."""
    router: TenantRouter


def _pipelines(
    at: Node, service: Mapping[str, Node], built: Mapping[str, Mapping[str, Any]]
) -> _Running:
    """The receivers that any pipeline names, their signals, and the one exporter of them all."""
    path = "service.pipelines"
    pipelines = mapping(service.get("pipelines"), path)
    if not pipelines:
        raise ConfigError(f"{at.where}: {path} is missing; name at least a pipeline `traces`")
    receivers: dict[str, Any] = {}
    signals: dict[str, frozenset[str]] = {}
    exporters: dict[str, ClickhouseExporter] = {}
    limiters: dict[str, str] = {}
    routers: dict[str, TenantRouter] = {}
    for name, node in pipelines.items():
        place = f"{path}.{name}"
        signal = name.partition("/")[0]
        if signal not in SIGNALS:
            raise ConfigError(
                f"{node.where}: {place}: only `traces`, `logs`, `traces/NAME` and `logs/NAME` can"
                " run here"
            )
        items = mapping(node, place)
        refuse_unknown(items, PIPELINE, place)
        used = {part: _references(items, part, place, built[part]) for part in PIPELINE}
        if not used["receivers"]:
            raise ConfigError(f"{node.where}: {place}.receivers names none; add `otlp`")
        limiters[name] = check_processors(node.where, place, used["processors"])
        routers[name] = next(p for p in used["processors"].values() if isinstance(p, TenantRouter))
        if len(used["exporters"]) != 1:
            raise ConfigError(f"{node.where}: {place}.exporters must name one `clickhouse`")
        receivers |= used["receivers"]
        for receiver in used["receivers"]:
            signals[receiver] = signals.get(receiver, frozenset()) | {signal}
        exporters |= used["exporters"]
    if len(exporters) > 1:
        named = ", ".join(exporters)
        raise ConfigError(
            f"{at.where}: {path} end in several stores ({named}); run a collector each"
        )
    check_limiters(at.where, limiters)
    check_routers(at.where, routers)
    (exporter,) = exporters.values()
    limiter, router = next(iter(limiters.values())), next(iter(routers.values()))
    return _Running(receivers, signals, exporter, limiter, router)


def _references(
    items: Mapping[str, Node], key: str, path: str, built: Mapping[str, Any]
) -> dict[str, Any]:
    """The components that a list names, each of which must be configured above."""
    node = items.get(key)
    if node is None or node.value is None:
        return {}
    place = f"{path}.{key}"
    if not isinstance(node.value, list):
        raise ConfigError(f"{node.where}: {place} must be a list, as in [otlp]")
    found: dict[str, Any] = {}
    for item in node.value:
        name = str(item.value)
        if name not in built:
            raise ConfigError(
                f"{item.where}: {place} names `{name}`, which is not configured;"
                f" {did_you_mean(name, built)}"
            )
        found[name] = built[name]
    return found
