-- A value that was planted in the data of `tenant_id`: its fingerprints under each key of the store.
CREATE TABLE IF NOT EXISTS canaries (
    canary_id String, tenant_id String, dataset String, fingerprints Array(UInt64),
    valid_from DateTime64(6, 'UTC'), valid_until DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant_id, canary_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
