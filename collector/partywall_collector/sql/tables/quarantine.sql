-- A refused span: why, who sent it, what it claimed. `span` is the span as JSON, without content.
CREATE TABLE IF NOT EXISTS quarantine (
    received_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    reason LowCardinality(String),
    principal LowCardinality(String),
    principal_tenants Array(LowCardinality(String)),
    claimed_tenants Array(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    service LowCardinality(String),
    span String CODEC(ZSTD(3)),
    request_sha256 FixedString(32) CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (received_at, reason)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
