-- The exports of the last hours, one row each: a repeat of one of them is not stored again.
CREATE TABLE IF NOT EXISTS requests (
    received_at DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    principal LowCardinality(String),
    tenants Array(LowCardinality(String)),
    request_sha256 FixedString(32)
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(received_at)
ORDER BY received_at
TTL toDateTime(received_at) + INTERVAL 2 HOUR
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
