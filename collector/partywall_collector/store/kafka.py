"""The statements by which ClickHouse reads OTLP from a Kafka topic, with the same decoder."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from partywall_collector.store.ddl import Cluster, on_cluster, single
from partywall_collector.store.errors import StoreError
from partywall_collector.store.rendering import quoted
from partywall_collector.store.statements import SQL, statements

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOLE: Final = re.compile(r"\{(\w+)\}")
_HEAD: Final = re.compile(r"^CREATE (?:TABLE|MATERIALIZED VIEW) IF NOT EXISTS \S+", re.MULTILINE)
_REQUEST: Final = re.compile(r"request Tuple\((resource_spans .*)\)\n\)\s*ENGINE = Null", re.DOTALL)


class NotATopic(StoreError):
    """A topic cannot be read as it is described; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic, and who counts as the sender of all that is in it."""

    brokers: Sequence[str]
    topic: str
    principal: str
    tenants: Sequence[str]
    group: str = "partywall"
    consumers: int = 1
    name: str = "kafka_spans"
    """The table's; its two views begin with it."""

    def statements(self, cluster: Cluster | None = None) -> Iterator[str]:
        """In the order in which they run; raises NotATopic."""
        if not (self.brokers and self.topic and self.principal and self.tenants):
            raise NotATopic(
                "name the brokers, the topic, its principal and the principal's tenants"
            )
        if not _NAME.fullmatch(self.name):
            raise NotATopic(f"{self.name!r} is no name for a table; give another one with --name")
        if self.consumers < 1:
            raise NotATopic("a topic has one consumer at least")
        values = {
            "name": self.name,
            "resource_spans": _resource_spans(),
            "brokers": quoted(",".join(self.brokers)),
            "topic": quoted(self.topic),
            "group": quoted(self.group),
            "consumers": str(self.consumers),
            "principal": quoted(self.principal),
            "tenants": ", ".join(map(quoted, self.tenants)),
        }
        for text in statements(SQL, "kafka").values():
            filled = _HOLE.sub(lambda hole: values[hole[1]], text).strip()
            yield _HEAD.sub(lambda head: f"{head[0]}{on_cluster(cluster)}", filled, count=1)


def _resource_spans() -> str:
    """The one column of the request, as `ingest` declares it."""
    found = _REQUEST.search(single("tables")["ingest"].rstrip())
    if found is None:
        raise ValueError("tables/ingest.sql does not end with the column `request`")
    return found[1]
