-- When each trace began and ended, under the names of the OpenTelemetry ClickHouse exporter.
CREATE VIEW otel_traces_trace_id_ts AS
SELECT
    lower(hex(trace_id)) AS TraceId,
    toDateTime(min(start_time), 'UTC') AS Start,
    toDateTime(max(start_time), 'UTC') AS End
FROM spans
GROUP BY trace_id
