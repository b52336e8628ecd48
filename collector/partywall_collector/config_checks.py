"""What the parts of otel-config.yaml need of each other, and cannot do without."""

from collections.abc import Iterable, Mapping
from typing import Any

from partywall_collector.authenticators.jwks import is_safe
from partywall_collector.component_values import Endpoint
from partywall_collector.components import ClickhouseExporter, MemoryLimiter, TenantRouter
from partywall_collector.config_document import ConfigError, Node
from partywall_collector.config_sections import mapping
from partywall_collector.endpoints import OtlpReceiver
from partywall_collector.extensions import Authenticator, BearerTokenAuth, HealthCheck, Oidc
from partywall_collector.machine import LEAST_LOAD_MIB
from partywall_collector.store.errors import BadStoreUrl
from partywall_collector.store.url import parse


def check_processors(where: str, place: str, processors: Mapping[str, Any]) -> str:
    """A pipeline routes, and first watches the memory. Returns the limiter's id, or ""."""
    if not any(isinstance(item, TenantRouter) for item in processors.values()):
        raise ConfigError(
            f"{where}: {place}.processors lacks `tenant_router`; without it nothing"
            " would be bound to a tenant"
        )
    limiters = [name for name, item in processors.items() if isinstance(item, MemoryLimiter)]
    if limiters and limiters != [*processors][:1]:
        raise ConfigError(
            f"{where}: {place}.processors: `memory_limiter` must stand first, and once: what it"
            " refuses must have taken no memory"
        )
    return limiters[0] if limiters else ""


def check_limiters(where: str, limiters: Mapping[str, str]) -> None:
    """All pipelines name the same limiter, or none does; the ids are given by pipeline."""
    if len(set(limiters.values())) > 1:
        listed = ", ".join(f"{name}: {limiter or 'none'}" for name, limiter in limiters.items())
        raise ConfigError(
            f"{where}: service.pipelines watch the one memory of the process with several limits"
            f" ({listed}); name the same `memory_limiter` in each"
        )


def check_routers(where: str, routers: Mapping[str, TenantRouter]) -> None:
    """All pipelines place tenants by the same limits."""
    if len(set(routers.values())) > 1:
        raise ConfigError(
            f"{where}: service.pipelines place tenants by several limits ({', '.join(routers)});"
            " name the same `tenant_router` in each"
        )


def check_memory_limiter(name: str, limiter: MemoryLimiter, top: Mapping[str, Node]) -> None:
    """It has a limit, and a spike that is smaller."""
    where = mapping(top["processors"], "processors")[name].where
    path = f"processors.{name}"
    if not (limiter.limit_mib or limiter.limit_percentage):
        raise ConfigError(f"{where}: {path}.limit_mib is missing, and so is limit_percentage")
    if not limiter.check_interval:
        raise ConfigError(f"{where}: {path}.check_interval must be more than 0s")
    if limiter.limit_mib:
        limit, spike, key = limiter.limit_mib, limiter.spike_limit_mib, "spike_limit_mib"
    else:
        limit, spike = limiter.limit_percentage, limiter.spike_limit_percentage
        key = "spike_limit_percentage"
    if spike >= limit:
        raise ConfigError(f"{where}: {path}.{key} must be less than the limit")


def check_exporter(name: str, exporter: ClickhouseExporter, top: Mapping[str, Node]) -> None:
    """It names a store, and a load has so much memory that no ordinary request is refused it."""
    where = mapping(top["exporters"], "exporters")[name].where
    try:
        parse(exporter.endpoint)
    except BadStoreUrl as error:
        raise ConfigError(f"{where}: exporters.{name}.endpoint: {error}") from None
    if 0 < exporter.load_memory_mib < LEAST_LOAD_MIB:
        raise ConfigError(
            f"{where}: exporters.{name}.load_memory_mib must be at least {LEAST_LOAD_MIB}, or 0 for"
            " a quarter of the memory: what cannot be loaded goes to quarantine"
        )


def check_receiver(
    name: str, receiver: OtlpReceiver, top: Mapping[str, Node], extensions: Mapping[str, Any]
) -> None:
    """It serves something, and knows who sends."""
    node = mapping(top["receivers"], "receivers")[name]
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
    http = receiver.protocols.http
    paths: dict[str, str] = {}
    for key in ("traces_url_path", "logs_url_path", "registry_url_path") if http else ():
        _check_path(node.where, f"{path}.http.{key}", getattr(http, key))
        other = paths.setdefault(getattr(http, key), key)
        if other != key:
            raise ConfigError(f"{node.where}: {path}.http.{key} is {other} too")
    cors = http.cors if http else None
    if cors and not cors.allowed_origins:
        raise ConfigError(
            f"{node.where}: {path}.http.cors.allowed_origins is missing: which pages may send?"
        )


def _check_path(where: str, key: str, path: str) -> None:
    if not path.startswith("/"):
        raise ConfigError(f"{where}: {key} must begin with `/`, as in /{path}")


def check_endpoints(endpoints: Iterable[tuple[str, Endpoint | None]]) -> None:
    """No two of these keys listen on one port; port 0 takes a free one each."""
    keys: dict[Endpoint, str] = {}
    for key, endpoint in endpoints:
        if endpoint and not endpoint.endswith(":0"):
            other = keys.setdefault(endpoint, key)
            if other != key:
                raise ConfigError(f"{key}: {endpoint} is that of {other} too; choose another port")


def check_extension(name: str, extension: Any, top: Mapping[str, Node]) -> None:
    """What an authenticator cannot do without."""
    where = mapping(top["extensions"], "extensions")[name].where

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
        case HealthCheck():
            _check_path(where, f"extensions.{name}.path", extension.path)
        case _:
            pass
