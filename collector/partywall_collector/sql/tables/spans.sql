-- An accepted span, whole. `attributes` holds each value as text, `attribute_types` the type of those
-- that were not strings; arrays, maps and bytes are base64 of their OTLP AnyValue. `sequence` is
-- the number of the span in its part of the session, 0 where its agent numbers none.
-- `loaded_at` is one time for all rows of a load: by it an analysis knows what is new.
CREATE TABLE IF NOT EXISTS spans (
    tenant_id LowCardinality(String),
    placement LowCardinality(String),
    session_id String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    trace_id FixedString(16),
    span_id FixedString(8),
    parent_span_id FixedString(8),
    start_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    end_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    name LowCardinality(String),
    step LowCardinality(String),
    agent LowCardinality(String),
    identity LowCardinality(String),
    span_kind Int32,
    status_code Int32,
    status_message String CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(T64, ZSTD(1)),
    sequence UInt32 CODEC(T64, ZSTD(1)),
    service LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_types Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    events Array(Tuple(time DateTime64(9, 'UTC'), name LowCardinality(String), attributes Map(LowCardinality(String), String), attribute_types Map(LowCardinality(String), LowCardinality(String)))) CODEC(ZSTD(1)),
    links Array(Tuple(trace_id FixedString(16), span_id FixedString(8), trace_state String, attributes Map(LowCardinality(String), String), attribute_types Map(LowCardinality(String), LowCardinality(String)))) CODEC(ZSTD(1)),
    dropped_content UInt16 CODEC(T64, ZSTD(1)),
    principal LowCardinality(String),
    attestation LowCardinality(String),
    request_sha256 FixedString(32) CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_load loaded_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY placement
ORDER BY (tenant_id, session_id, trace_id, start_time)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
