"""The components that otel-config.yaml can name, and every key of each: type, default, meaning.

One dataclass a component; a nested dataclass is a nested section. `config.py` fills them from
YAML, `docs/configuration.md` is tested against them, `partywall collect components` prints them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_type_hints

from partywall_collector.component_values import Duration, about
from partywall_collector.endpoints import OtlpReceiver
from partywall_collector.extensions import BearerTokenAuth, HealthCheck, Oidc, RegistryAuth
from partywall_collector.registry.placement import DEFAULT


@dataclass(frozen=True, slots=True)
class TenantRouter:
    """Sends each span to its tenant's tables or to quarantine; tenants come from the registry.

    Required in every pipeline. Adding a tenant changes no configuration.
    """

    own_partitions: int = field(
        default=DEFAULT.own_partitions,
        metadata=about(
            "So many tenants get a partition of their own when they are registered.",
            least=0,
            most=1000,
        ),
    )
    pools: int = field(
        default=DEFAULT.pools,
        metadata=about("So many partitions are shared by all other tenants.", least=1, most=256),
    )


@dataclass(frozen=True, slots=True)
class MemoryLimiter:
    """Refuses requests, to be sent again, while the process has too much memory.

    It must stand first in every pipeline: a process has one memory.
    """

    check_interval: Duration = field(
        default=Duration(1.0), metadata=about("The memory is measured at most this often.")
    )
    limit_mib: int = field(
        default=0,
        metadata=about(
            "The most memory of the process in MiB. Wins over `limit_percentage`.", least=0
        ),
    )
    spike_limit_mib: int = field(
        default=0,
        metadata=about(
            "Requests are refused this far below the limit, in MiB; 0 is a fifth of the limit.",
            least=0,
        ),
    )
    limit_percentage: int = field(
        default=0,
        metadata=about(
            "The limit as a percentage of the machine's or the container's memory.",
            least=0,
            most=100,
        ),
    )
    spike_limit_percentage: int = field(
        default=0,
        metadata=about(
            "The distance as a percentage of the same; 0 is a fifth of the limit.",
            least=0,
            most=100,
        ),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """When a segment of the spool is closed and handed to ClickHouse."""

    flush_timeout: Duration = field(
        default=Duration(0.5),
        metadata=about(
            "The age at which a segment is loaded while nothing else is being loaded; up to three "
            "times that while spans pour in."
        ),
    )
    max_spans: int = field(
        default=150_000, metadata=about("A segment is closed at this many spans.", least=1)
    )
    max_size_mib: int = field(
        default=0,
        metadata=about(
            "A segment is closed at this size in MiB; 0 is an eighth of what its load may take,"
            " from 16 to 192.",
            least=0,
        ),
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
        default=Duration(1.0),
        metadata=about("The first pause; it doubles each time.", least=0.1),
    )
    max_interval: Duration = field(
        default=Duration(30.0), metadata=about("The longest pause.", least=0.1)
    )


@dataclass(frozen=True, slots=True)
class ClickhouseExporter:
    """Spools to disk, then loads into ClickHouse, exactly once."""

    endpoint: str = field(
        default="chdb://.partywall",
        metadata=about(
            "The store: `chdb://folder` (embedded) or `clickhouse://user:password@host:port/database`."
        ),
    )
    load_memory_mib: int = field(
        default=0,
        metadata=about(
            "The most memory in MiB that the engine may take for one load, at least 256; 0 is a"
            " quarter of the machine's or the container's memory.",
            least=0,
        ),
    )
    sending_queue: SendingQueue = field(default_factory=SendingQueue)
    retry_on_failure: RetryOnFailure = field(default_factory=RetryOnFailure)


COMPONENTS: Mapping[str, Mapping[str, type]] = {
    "receivers": {"otlp": OtlpReceiver},
    "processors": {"memory_limiter": MemoryLimiter, "tenant_router": TenantRouter},
    "exporters": {"clickhouse": ClickhouseExporter},
    "extensions": {
        "registry_auth": RegistryAuth,
        "oidc": Oidc,
        "bearertokenauth": BearerTokenAuth,
        "health_check": HealthCheck,
    },
}
"""Section -> component type -> its keys."""

ELSEWHERE: Mapping[tuple[str, str], str] = {
    ("processors", "batch"): (
        "batches are made on disk, after the acknowledgement and not before it: leave `batch` out"
        " of the pipelines, and write exporters.clickhouse.sending_queue.batch where max_spans,"
        " max_size_mib or flush_timeout must change"
    ),
}
"""Stock components, by section and type, whose work is done elsewhere; the text says where."""


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
            short = 0 < self.default < 1
            return f"`{self.default * 1000:g}ms`" if short else f"`{self.default:g}s`"
        if isinstance(self.default, bool):
            return f"`{str(self.default).lower()}`"
        return f"`{self.default}`" if self.default not in ("", ()) else "none"


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
