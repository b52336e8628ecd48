"""What is printed for a Kafka topic is read by the engine, and routes as the collector does."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_collector.commands.store import main
from partywall_collector.store import Store
from partywall_collector.store.ddl import Cluster
from partywall_collector.store.kafka import NotATopic, Topic
from partywall_collector.store.store import ENVELOPE

TOPIC = Topic(
    brokers=["kafka:9092", "it's:1"],
    topic="otlp_spans",
    principal="gate'way",
    tenants=["acme", "x"],
)
# What the engine adds to a message, as columns of a table that stands for the topic.
AROUND = (
    "_timestamp_ms Nullable(DateTime64(3)) DEFAULT '2026-11-25 10:00:00.125', "
    "_offset UInt64 DEFAULT 7, _error String, _raw_message String"
)


def request(tenant: str) -> bytes:
    """One span, as the stock Collector's exporter writes it into a message."""
    made = ExportTraceServiceRequest()
    span = (
        made.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=b"t" * 16,
            span_id=b"s" * 8,
            name="work",
            start_time_unix_nano=1,
            end_time_unix_nano=2,
        )
    )
    span.attributes.add(key="partywall.tenant.id").value.string_value = tenant
    return made.SerializeToString()


@pytest.fixture
def topic(store: Store) -> Store:
    """A store with all that is printed but the engine of the table."""
    store.insert(
        "tenants", [{"tenant_id": "acme", "placement": "acme", "recorded_at": "2026-01-01"}]
    )
    table, *views = TOPIC.statements()
    store.command(
        re.sub(r"\n\)\nENGINE = Kafka.*", f", {AROUND}) ENGINE = Null", table, flags=re.S)
    )
    for view in views:
        store.command(view)
    return store


def send(store: Store, message: bytes) -> None:
    """A message, read by the format and with the schema that the table names."""
    pool: Any = store._pool  # pyright: ignore[reportPrivateUsage]  # there is no Kafka here to read from
    settings = {"format_schema": f"{ENVELOPE}:Request"}
    with pool.connection() as connection:
        connection.append("kafka_spans", message, form="ProtobufSingle", settings=settings)


def test_a_message_becomes_rows_as_a_request_does(topic: Store) -> None:
    """Its tenant is judged by the principal of the topic; a block that comes again adds nothing."""
    for tenant in ("acme", "acme", "globex", "x"):
        send(topic, request(tenant))
    asked = "SELECT tenant_id, principal, attestation, received_at, name, request_sha256 FROM spans"
    (first,) = topic.rows(asked)  # the same block again is the same insert
    assert (first["tenant_id"], first["principal"], first["attestation"], first["name"]) == (
        "acme", "gate'way", "A0", "work",
    )  # fmt: skip
    assert first["received_at"].replace(tzinfo=UTC) == datetime(
        2026, 11, 25, 10, 0, 0, 125_000, tzinfo=UTC
    )
    refused = topic.rows("SELECT claimed_tenants, reason FROM quarantine ORDER BY reason")
    assert [(row["claimed_tenants"], row["reason"]) for row in refused] == [
        (["globex"], "foreign tenant"),
        (["x"], "unknown tenant"),
    ]
    digests = "SELECT request_sha256 FROM spans UNION ALL SELECT request_sha256 FROM quarantine"
    assert topic.rows(f"SELECT uniqExact(request_sha256) AS n FROM ({digests})") == [{"n": 3}]


def test_a_message_that_cannot_be_read_is_a_row(topic: Store) -> None:
    """And no span; its bytes are not kept."""
    topic.insert("kafka_spans", [{"_error": "broken", "_raw_message": "secret"}])
    (row,) = topic.rows("SELECT reason, principal, span FROM quarantine")
    assert row == {"reason": "poison", "principal": "gate'way", "span": '{"size":6,"offset":7}'}
    assert topic.rows("SELECT count() AS n FROM spans") == [{"n": 0}]


def test_the_engine_parses_what_is_printed(store: Store) -> None:
    """For one server and for a cluster, whatever is in the names."""
    for cluster in (None, Cluster("main 'eu'")):
        for text in TOPIC.statements(cluster):
            assert store.rows("SELECT formatQuery({sql:String}) AS sql", {"sql": text})
            assert ("ON CLUSTER" in text) is (cluster is not None)


def test_the_command_prints_statements_and_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """What is left out is named; nobody is the principal of a topic by default."""
    words = ["kafka", "--broker", "k:9092", "--topic", "t", "--principal", "p"]
    assert main([*words, "--tenant", "acme"]) == 0
    said = capsys.readouterr().out
    assert "kafka_schema = 'partywall.proto:Request'" in said
    assert "['acme'] AS tenants" in said
    assert main(["kafka", "--schema"]) == 0
    assert "message Request" in capsys.readouterr().out
    assert main(words) == 2
    assert "name the brokers" in capsys.readouterr().err
    good: dict[str, Any] = {"brokers": ["k"], "topic": "t", "principal": "p", "tenants": ["a"]}
    wrongs: list[dict[str, Any]] = [{"name": "a b"}, {"consumers": 0}]
    for wrong in wrongs:
        with pytest.raises(NotATopic):
            list(Topic(**good | wrong).statements())
