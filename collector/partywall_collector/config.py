"""otel-config.yaml, checked: the OpenTelemetry Collector's grammar with Partywall's components."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import NoneType
from typing import Any, cast, get_args, get_type_hints

from partywall_collector.authenticators.jwks import is_safe
from partywall_collector.component_values import Duration, Endpoint, Names, Secret
from partywall_collector.components import (
    COMPONENTS,
    ClickhouseExporter,
    TenantRouter,
    section_of,
)
from partywall_collector.config_document import ConfigError, Node, read_documents
from partywall_collector.endpoints import Auth, Grpc, Http, OtlpReceiver, Protocols
from partywall_collector.extensions import (
    Authenticator,
    BearerTokenAuth,
    HealthCheck,
    Oidc,
    RegistryAuth,
)
from partywall_collector.telemetry import Telemetry, read_telemetry

TOP = (*COMPONENTS, "service")
SERVICE = ("extensions", "pipelines", "telemetry")
PIPELINE = ("receivers", "processors", "exporters")
GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Config:
    """What the collector runs: the components that a pipeline or the service names."""

    receivers: Mapping[str, OtlpReceiver]
    exporter: ClickhouseExporter
    authenticators: Mapping[str, Authenticator]
    health: Mapping[str, HealthCheck]
    telemetry: Telemetry = field(default_factory=Telemetry)

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
        return cls({"otlp": OtlpReceiver(protocols)}, exporter, known, {})

    @property
    def refresh_interval(self) -> float:
        """Seconds after which the registry's principals and issuers are read again."""
        known = [i for i in self.authenticators.values() if isinstance(i, RegistryAuth)]
        return min(item.refresh_interval for item in known or [RegistryAuth()])

    def with_store(self, url: str) -> "Config":
        """The same with another store."""
        return replace(self, exporter=replace(self.exporter, endpoint=url))


def _config(root: Node) -> Config:
    top = _mapping(root, "the configuration")
    _known(top, TOP, "")
    built = {
        section: {
            name: _component(section, name, node)
            for name, node in _mapping(top.get(section), section).items()
        }
        for section in COMPONENTS
    }
    if "service" not in top:
        raise ConfigError(f"{root.where}: service is missing; it names the pipelines that run")
    service = _mapping(top["service"], "service")
    _known(service, SERVICE, "service")
    extensions = _references(service, "extensions", "service", built["extensions"])
    receivers, exporter = _pipelines(top["service"], service, built)
    for name, receiver in receivers.items():
        _check_receiver(name, cast("OtlpReceiver", receiver), top, extensions)
    for name, extension in extensions.items():
        _check_extension(name, extension, top)
    return Config(
        receivers=cast("dict[str, OtlpReceiver]", receivers),
        exporter=exporter,
        authenticators={
            key: item for key, item in extensions.items() if isinstance(item, Authenticator)
        },
        health={key: item for key, item in extensions.items() if isinstance(item, HealthCheck)},
        telemetry=read_telemetry(service.get("telemetry")),
    )


def _component(section: str, name: str, node: Node) -> Any:
    kind = name.partition("/")[0]
    path = f"{section}.{name}"
    if kind not in COMPONENTS[section]:
        hint = _hint(kind, COMPONENTS[section])
        raise ConfigError(f"{node.where}: {path}: there is no component `{kind}` here; {hint}")
    return _section(COMPONENTS[section][kind], node, path)


def _section(cls: type, node: Node, path: str) -> Any:
    """A dataclass filled from a mapping, each value checked against its type."""
    items = _mapping(node, path)
    _known(items, [item.name for item in fields(cls)], path)
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for item in fields(cls):
        if item.name not in items:
            continue
        below, place = items[item.name], f"{path}.{item.name}"
        if section := section_of(hints[item.name]):
            # An optional section is on by being there: `grpc:` with nothing below it is on.
            if below.value is not None or NoneType in get_args(hints[item.name]):
                values[item.name] = _section(section, below, place)
        else:
            values[item.name] = _value(hints[item.name], below, place)
            least, choices = item.metadata.get("least"), item.metadata.get("choices")
            if choices and values[item.name] not in choices:
                allowed = ", ".join(f'"{choice}"' for choice in choices)
                raise ConfigError(f"{below.where}: {place} must be one of {allowed}")
            if least is not None and values[item.name] < least:
                raise ConfigError(f"{below.where}: {place} must be {least} or more")
    return cls(**values)


def _value(hint: Any, node: Node, path: str) -> Any:
    readers: Mapping[Any, tuple[Callable[[Any], Any], str]] = {
        str: (lambda value: value if isinstance(value, str) and value else None, "a text"),
        Secret: (lambda value: value if isinstance(value, str) and value else None, "a text"),
        Names: (_names, "a text or a list of texts"),
        int: (lambda value: value if type(value) is int else None, "a whole number"),
        bool: (lambda value: value if type(value) is bool else None, "true or false"),
        Endpoint: (_endpoint, "host:port, as in 127.0.0.1:4317"),
        Duration: (_duration, "a duration, as in 500ms, 5s or 1m30s"),
    }
    reader, wanted = readers[hint]
    value = reader(node.plain())
    if value is None:
        raise ConfigError(f"{node.where}: {path} must be {wanted}")
    return value


def _names(value: Any) -> Names | None:
    values: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    good = values and all(isinstance(item, str) and item for item in values)
    return Names(tuple(values)) if good else None


def _endpoint(value: Any) -> Endpoint | None:
    if not isinstance(value, str):
        return None
    host, colon, port = value.rpartition(":")
    good = colon and host and port.isascii() and port.isdigit() and int(port) < 65536
    return Endpoint(value) if good else None


def _duration(value: Any) -> Duration | None:
    if not isinstance(value, str) or not re.fullmatch(f"(?:{GO_DURATION.pattern})+", value):
        return None
    return Duration(sum(float(part) * SECONDS[unit] for part, unit in GO_DURATION.findall(value)))


def _pipelines(
    at: Node, service: Mapping[str, Node], built: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], ClickhouseExporter]:
    """The receivers that any pipeline names, and the one exporter that all of them end in."""
    path = "service.pipelines"
    pipelines = _mapping(service.get("pipelines"), path)
    if not pipelines:
        raise ConfigError(f"{at.where}: {path} is missing; name at least a pipeline `traces`")
    receivers: dict[str, Any] = {}
    exporters: dict[str, ClickhouseExporter] = {}
    for name, node in pipelines.items():
        place = f"{path}.{name}"
        if name.partition("/")[0] != "traces":
            raise ConfigError(f"{node.where}: {place}: only `traces` or `traces/NAME` can run here")
        items = _mapping(node, place)
        _known(items, PIPELINE, place)
        used = {part: _references(items, part, place, built[part]) for part in PIPELINE}
        if not used["receivers"]:
            raise ConfigError(f"{node.where}: {place}.receivers names none; add `otlp`")
        if not any(isinstance(item, TenantRouter) for item in used["processors"].values()):
            raise ConfigError(
                f"{node.where}: {place}.processors lacks `tenant_router`; without it no span would"
                " be bound to a tenant"
            )
        if len(used["exporters"]) != 1:
            raise ConfigError(f"{node.where}: {place}.exporters must name one `clickhouse`")
        receivers |= used["receivers"]
        exporters |= used["exporters"]
    if len(exporters) > 1:
        named = ", ".join(exporters)
        raise ConfigError(
            f"{at.where}: {path} end in several stores ({named}); run a collector each"
        )
    return receivers, next(iter(exporters.values()))


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
                f" {_hint(name, built)}"
            )
        found[name] = built[name]
    return found


def _check_receiver(
    name: str, receiver: OtlpReceiver, top: Mapping[str, Node], extensions: Mapping[str, Any]
) -> None:
    node = _mapping(top["receivers"], "receivers")[name]
    path = f"receivers.{name}.protocols"
    protocols = {"grpc": receiver.protocols.grpc, "http": receiver.protocols.http}
    if not any(protocols.values()):
        raise ConfigError(f"{node.where}: {path} serves nothing; add `grpc:` or `http:`")
    for protocol, settings in protocols.items():
        if settings is None:
            continue
        place = f"{path}.{protocol}.auth.authenticator"
        if not settings.auth.authenticator:
            raise ConfigError(
                f"{node.where}: {place} is missing: every sender needs a principal; write"
                " `auth: {authenticator: registry_auth}`"
            )
        for wanted in settings.auth.authenticator:
            if not isinstance(extensions.get(wanted), Authenticator):
                raise ConfigError(
                    f"{node.where}: {place} names `{wanted}`, which is no running authenticator;"
                    f" list `{wanted or 'registry_auth'}` in service.extensions"
                )
    cors = receiver.protocols.http.cors if receiver.protocols.http else None
    if cors and not cors.allowed_origins:
        raise ConfigError(
            f"{node.where}: {path}.http.cors.allowed_origins is missing: which pages may send?"
        )


def _check_extension(name: str, extension: Any, top: Mapping[str, Node]) -> None:
    """What an authenticator cannot do without."""
    where = _mapping(top["extensions"], "extensions")[name].where

    def want(key: str, good: object, why: str) -> None:
        if not good:
            raise ConfigError(f"{where}: extensions.{name}.{key} {why}")

    match extension:
        case Oidc():
            want("issuer_url", extension.issuer_url, "is missing: whose tokens are taken?")
            want(
                "issuer_url",
                is_safe(extension.issuer_url),
                "must be an https URL: whoever changes the keys on the way could sign tokens",
            )
            want("audience", extension.audience, "is missing: tokens for others would be taken")
        case BearerTokenAuth():
            want(
                "principal",
                extension.principal,
                "is missing: a token alone says nothing of tenants. Name a principal of the"
                " registry, or use `registry_auth` and `partywall registry token`",
            )
            want("token", extension.token or extension.filename, "is missing, and so is filename")
            want(
                "filename",
                not (extension.token and extension.filename),
                "and token are both there; keep one of them",
            )
        case _:
            pass


def _mapping(node: Node | None, path: str) -> Mapping[str, Node]:
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        raise ConfigError(f"{node.where}: {path} must be a mapping of keys")
    return node.value


def _known(items: Mapping[str, Node], known: Iterable[str], path: str) -> None:
    names = list(known)
    for key, node in items.items():
        if key not in names:
            place = f"{path}.{key}" if path else key
            raise ConfigError(f"{node.where}: {place} is not a known key; {_hint(key, names)}")


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    listed = ", ".join(names) or "none"
    return f"did you mean `{close[0]}`? known: {listed}" if close else f"known: {listed}"
