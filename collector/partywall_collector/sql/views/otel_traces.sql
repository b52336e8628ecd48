-- The spans under the names that the OpenTelemetry ClickHouse exporter uses, for dashboards made for it.
CREATE VIEW otel_traces AS
SELECT
    start_time AS Timestamp,
    lower(hex(trace_id)) AS TraceId,
    lower(hex(spans.span_id)) AS SpanId,
    if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS ParentSpanId,
    trace_state AS TraceState,
    name AS SpanName,
    CAST(
        transform(
            span_kind, [0, 1, 2, 3, 4, 5],
            ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified'),
        'LowCardinality(String)') AS SpanKind,
    service AS ServiceName,
    resource AS ResourceAttributes,
    CAST(scope_name, 'String') AS ScopeName,
    CAST(scope_version, 'String') AS ScopeVersion,
    attributes AS SpanAttributes,
    toUInt64(greatest(0, toUnixTimestamp64Nano(end_time) - toUnixTimestamp64Nano(start_time))) AS Duration,
    CAST(
        transform(status_code, [0, 1, 2], ['Unset', 'Ok', 'Error'], 'Unset'),
        'LowCardinality(String)') AS StatusCode,
    status_message AS StatusMessage,
    events.time AS `Events.Timestamp`,
    events.name AS `Events.Name`,
    events.attributes AS `Events.Attributes`,
    arrayMap(link -> lower(hex(link.trace_id)), links) AS `Links.TraceId`,
    arrayMap(link -> lower(hex(link.span_id)), links) AS `Links.SpanId`,
    links.trace_state AS `Links.TraceState`,
    links.attributes AS `Links.Attributes`,
    tenant_id AS TenantId
FROM spans
