-- Who owns the datasets that match a pattern: a tenant, `commons` (nobody's) or `shared` (several write).
CREATE TABLE IF NOT EXISTS datasets (
    pattern String, owner String, ownership LowCardinality(String), sensitive Bool, retired Bool,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (pattern, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
