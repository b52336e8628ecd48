-- One observation of a tool call or a hand-off, with what the analyzer meets on; no content.
CREATE TABLE IF NOT EXISTS calls (
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
    step LowCardinality(String),
    tool LowCardinality(String),
    call_id String CODEC(ZSTD(1)),
    server LowCardinality(String),
    agent LowCardinality(String),
    identity LowCardinality(String),
    subject LowCardinality(String),
    actor_chain Array(String) CODEC(ZSTD(1)),
    credential_id String CODEC(ZSTD(1)),
    approval_id String CODEC(ZSTD(1)),
    policy_id LowCardinality(String),
    policy_decision LowCardinality(String),
    operation LowCardinality(String),
    datasets Array(Tuple(id String, operation LowCardinality(String))) CODEC(ZSTD(1)),
    parties Array(Tuple(kind LowCardinality(String), value String)) CODEC(ZSTD(1)),
    values_in Array(UInt64) CODEC(ZSTD(1)),
    values_out Array(UInt64) CODEC(ZSTD(1)),
    failed Bool,
    principal LowCardinality(String),
    attestation LowCardinality(String),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_credential credential_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_identity identity TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_arrival received_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY placement
ORDER BY (tenant_id, session_id, trace_id, start_time)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
