-- A customer whose data and records stay apart. `placement` names its partition.
CREATE TABLE IF NOT EXISTS tenants (
    tenant_id String, name String, placement String, store_content Bool,
    retention_days UInt32, spans_per_minute UInt32,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
