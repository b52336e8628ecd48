"""Spans under the names of the OpenTelemetry ClickHouse exporter."""

from datetime import UTC, datetime, timedelta

from partywall_collector.store import Store

# Names and types of the exporter's own table, so that a dashboard made for it finds them.
COLUMNS = {
    "Timestamp": "DateTime64(9, 'UTC')",
    "TraceId": "String",
    "SpanId": "String",
    "ParentSpanId": "String",
    "TraceState": "String",
    "SpanName": "LowCardinality(String)",
    "SpanKind": "LowCardinality(String)",
    "ServiceName": "LowCardinality(String)",
    "ResourceAttributes": "Map(LowCardinality(String), String)",
    "ScopeName": "String",
    "ScopeVersion": "String",
    "SpanAttributes": "Map(LowCardinality(String), String)",
    "Duration": "UInt64",
    "StatusCode": "LowCardinality(String)",
    "StatusMessage": "String",
    "Events.Timestamp": "Array(DateTime64(9, 'UTC'))",
    "Events.Name": "Array(LowCardinality(String))",
    "Events.Attributes": "Array(Map(LowCardinality(String), String))",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Links.Attributes": "Array(Map(LowCardinality(String), String))",
}


def test_the_view_has_the_names_and_types_of_the_exporters_table(store: Store) -> None:
    """And the tenant beside them."""
    found = {row["name"]: row["type"] for row in store.rows("DESCRIBE otel_traces")}
    assert found.pop("TenantId") == "LowCardinality(String)"
    assert found == COLUMNS


def test_a_span_is_read_as_the_exporter_would_have_written_it(store: Store) -> None:
    """Ids in hex, kinds and states in words, nothing for no parent."""
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    event = {"time": start, "name": "retry", "attributes": {"n": "1"}, "attribute_types": {}}
    link = {
        "trace_id": bytes(range(16)), "span_id": bytes(range(8)), "trace_state": "a=1",
        "attributes": {"why": "queue"}, "attribute_types": {},
    }  # fmt: skip
    span = {
        "tenant_id": "acme", "trace_id": b"\xab" * 16, "span_id": b"\x01" * 8, "name": "chat",
        "start_time": start, "end_time": start + timedelta(milliseconds=2), "span_kind": 3,
        "status_code": 2, "service": "desk", "attributes": {"k": "v"},
        "resource": {"service.name": "desk"}, "events": [event], "links": [link],
    }  # fmt: skip
    child = {
        "tenant_id": "acme",
        "parent_span_id": b"\x01" * 8,
        "span_kind": 77,
        "start_time": start,
    }
    store.insert("spans", [span, child])
    (row,) = store.rows("SELECT * FROM otel_traces WHERE TraceId = {t:String}", {"t": "ab" * 16})
    assert row["SpanId"] == "01" * 8
    assert row["ParentSpanId"] == ""
    assert (row["SpanKind"], row["StatusCode"], row["Duration"]) == ("Client", "Error", 2_000_000)
    assert row["Timestamp"] == start
    assert row["Events.Name"] == ["retry"]
    assert row["Links.TraceId"] == [bytes(range(16)).hex()]
    assert row["SpanAttributes"] == {"k": "v"}
    (row,) = store.rows("SELECT ParentSpanId, SpanKind FROM otel_traces WHERE SpanName = ''")
    assert row == {"ParentSpanId": "01" * 8, "SpanKind": "Unspecified"}
    (row,) = store.rows(
        "SELECT Start, End FROM otel_traces_trace_id_ts WHERE TraceId = {t:String}",
        {"t": "ab" * 16},
    )
    assert row["Start"] == row["End"] == start
