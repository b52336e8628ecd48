-- Who may read through the endpoint of an embedded store, and which tenant's rows; no digest, no access.
CREATE TABLE IF NOT EXISTS readers (
    reader_id String, tenant_id String, password_sha256 String,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (reader_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
