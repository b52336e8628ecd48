-- A decision by `tenant_id`, the owner, that `grantee` may touch its datasets for one request.
-- `noted_at` is when its source says that it was recorded, 1970 where only we know.
CREATE TABLE IF NOT EXISTS approvals (
    approval_id String, tenant_id String, grantee String, request_id String,
    kind LowCardinality(String) DEFAULT 'regular', approver String,
    datasets Array(String), parties Array(String), operations Array(String), tools Array(String),
    valid_from DateTime64(6, 'UTC'), valid_until DateTime64(6, 'UTC'),
    revoked_at DateTime64(6, 'UTC') DEFAULT toDateTime64('2299-12-31 00:00:00', 6, 'UTC'),
    noted_at DateTime64(6, 'UTC'),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tenant_id, approval_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
