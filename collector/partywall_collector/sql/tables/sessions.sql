-- The request that opened a session, and what its text names; the text itself is not kept.
CREATE TABLE IF NOT EXISTS sessions (
    request_id String, session_id String, tenant_id String, identity String,
    opened_at DateTime64(6, 'UTC'),
    named Array(Tuple(kind LowCardinality(String), value String)),
    facts String CODEC(ZSTD(1)),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant_id, request_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
