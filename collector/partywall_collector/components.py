"""The components that otel-config.yaml can name, and every key of each: type, default, meaning.

One dataclass a component; a nested dataclass is a nested section. `config.py` fills them from
YAML, `docs/configuration.md` is tested against them, `partywall collect components` prints them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import NoneType
from typing import Any, NewType, get_args, get_type_hints

Endpoint = NewType("Endpoint", str)
"""host:port to listen on; port 0 takes a free one."""

Duration = NewType("Duration", float)
"""Seconds; written as in Go: 500ms, 5s, 1m30s."""


def about(doc: str, *, least: int | None = None) -> dict[str, Any]:
    """What is said of a key: its meaning, and the smallest number that is allowed."""
    return {"doc": doc, "least": least}


@dataclass(frozen=True, slots=True)
class Auth:
    """Who checks the senders of a protocol."""

    authenticator: str = field(
        default="", metadata=about("The extension that checks who sends. Required.")
    )


@dataclass(frozen=True, slots=True)
class Grpc:
    """OTLP/gRPC."""

    endpoint: Endpoint = field(
        default=Endpoint("127.0.0.1:4317"), metadata=about("Where to listen.")
    )
    max_recv_msg_size_mib: int = field(
        default=64, metadata=about("The largest request in MiB, after decompression.", least=1)
    )
    auth: Auth = field(default_factory=Auth)


@dataclass(frozen=True, slots=True)
class Http:
    """OTLP/HTTP: protobuf and JSON."""

    endpoint: Endpoint = field(
        default=Endpoint("127.0.0.1:4318"), metadata=about("Where to listen.")
    )
    traces_url_path: str = field(
        default="/v1/traces", metadata=about("The path that takes traces.")
    )
    max_request_body_size: int = field(
        default=64 << 20,
        metadata=about("The largest request in bytes, after decompression.", least=1),
    )
    auth: Auth = field(default_factory=Auth)


@dataclass(frozen=True, slots=True)
class Protocols:
    """A protocol is served when its key is there, also with nothing below it."""

    grpc: Grpc | None = None
    http: Http | None = None


@dataclass(frozen=True, slots=True)
class OtlpReceiver:
    """Takes traces over OTLP. Every sender needs a principal: there is no open receiver."""

    protocols: Protocols = field(default_factory=Protocols)


@dataclass(frozen=True, slots=True)
class TenantRouter:
    """Sends each span to its tenant's tables or to quarantine; tenants come from the registry.

    Required in every pipeline. It has no keys: adding a tenant changes no configuration.
    """


@dataclass(frozen=True, slots=True)
class Batch:
    """When a segment of the spool is closed and handed to ClickHouse."""

    flush_timeout: Duration = field(
        default=Duration(0.5),
        metadata=about("The age at which a segment is loaded while nothing else is being loaded."),
    )
    max_spans: int = field(
        default=100_000, metadata=about("A segment is closed at this many spans.", least=1)
    )
    max_size_mib: int = field(
        default=64, metadata=about("A segment is closed at this size in MiB.", least=1)
    )


@dataclass(frozen=True, slots=True)
class SendingQueue:
    """The spool: requests that are acknowledged and not yet loaded, on disk in the store's home."""

    queue_size_mib: int = field(
        default=4096,
        metadata=about(
            "The largest spool in MiB; beyond it senders are asked to try later.", least=1
        ),
    )
    pending_size_mib: int = field(
        default=256,
        metadata=about(
            "The most memory in MiB for requests that arrive or wait for the disk.", least=1
        ),
    )
    batch: Batch = field(default_factory=Batch)


@dataclass(frozen=True, slots=True)
class RetryOnFailure:
    """How a load is tried again while the store is down. It is never given up."""

    initial_interval: Duration = field(
        default=Duration(1.0), metadata=about("The first pause; it doubles each time.")
    )
    max_interval: Duration = field(default=Duration(30.0), metadata=about("The longest pause."))


@dataclass(frozen=True, slots=True)
class ClickhouseExporter:
    """Spools to disk, then loads into ClickHouse, exactly once."""

    endpoint: str = field(
        default="chdb://.partywall",
        metadata=about(
            "The store: `chdb://folder` (embedded) or `clickhouse://user:password@host:port/database`."
        ),
    )
    sending_queue: SendingQueue = field(default_factory=SendingQueue)
    retry_on_failure: RetryOnFailure = field(default_factory=RetryOnFailure)


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """Bearer tokens of the principals in the registry (`partywall registry token`)."""

    refresh_interval: Duration = field(
        default=Duration(5.0),
        metadata=about("How often the principals are read again: a revoked token lives no longer."),
    )


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Answers 200 while the collector takes spans, 503 while it does not."""

    endpoint: Endpoint = field(
        default=Endpoint("127.0.0.1:13133"), metadata=about("Where to listen.")
    )
    path: str = field(default="/", metadata=about("The path that answers."))


COMPONENTS: Mapping[str, Mapping[str, type]] = {
    "receivers": {"otlp": OtlpReceiver},
    "processors": {"tenant_router": TenantRouter},
    "exporters": {"clickhouse": ClickhouseExporter},
    "extensions": {"registry_auth": RegistryAuth, "health_check": HealthCheck},
}
"""Section -> component type -> its keys."""


@dataclass(frozen=True, slots=True)
class Key:
    """A row of the reference: one key that a component takes."""

    name: str
    type: str
    default: Any
    doc: str

    @property
    def shown(self) -> str:
        """The default as one writes it in YAML."""
        if self.type == "duration":
            return f"`{self.default * 1000:g}ms`" if self.default < 1 else f"`{self.default:g}s`"
        return f"`{self.default}`" if self.default != "" else "none"


def section_of(hint: Any) -> type | None:
    """The dataclass behind a type hint, also where it is optional; None for a plain value."""
    for candidate in (hint, *get_args(hint)):
        if candidate is not NoneType and is_dataclass(candidate) and isinstance(candidate, type):
            return candidate
    return None


def keys(component: type, prefix: str = "") -> Iterator[Key]:
    """Every key of a component with its dotted path below the component."""
    hints = get_type_hints(component)
    for item in fields(component):
        hint = hints[item.name]
        if section := section_of(hint):
            yield from keys(section, f"{prefix}{item.name}.")
        else:
            assert item.default is not MISSING
            doc = item.metadata["doc"]
            yield Key(prefix + item.name, hint.__name__.lower(), item.default, doc)
