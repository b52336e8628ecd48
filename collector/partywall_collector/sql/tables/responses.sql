-- What was done about a finding, for one tenant of it; without a tenant, for the operator alone.
-- Append-only: an answer is never changed, a later one follows it.
CREATE TABLE IF NOT EXISTS responses (
    response_id String,
    finding_id String,
    tenant_id LowCardinality(String),
    kind LowCardinality(String),
    outcome LowCardinality(String),
    actor String,
    at DateTime64(6, 'UTC'),
    reason LowCardinality(String),
    note String,
    target String,
    severity LowCardinality(String),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (tenant_id, finding_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
