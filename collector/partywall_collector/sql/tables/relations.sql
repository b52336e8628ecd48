-- A standing grant: `grantee` may touch datasets of `tenant_id` without an approval for each use.
CREATE TABLE IF NOT EXISTS relations (
    relation_id String, tenant_id String, grantee String, kind LowCardinality(String),
    datasets Array(String), operations Array(String),
    valid_from DateTime64(6, 'UTC'), valid_until DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant_id, relation_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
