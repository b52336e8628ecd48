-- Parties that a tenant knows: its own (`own`) or those it stands in relation with (`standing`).
CREATE TABLE IF NOT EXISTS parties (
    tenant_id String, kind LowCardinality(String), pattern String, relation LowCardinality(String),
    retired Bool,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant_id, kind, pattern, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
