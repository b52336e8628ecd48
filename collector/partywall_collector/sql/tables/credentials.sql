-- A credential's life: for whom it was issued, for which request, until when. Never the secret.
CREATE TABLE IF NOT EXISTS credentials (
    credential_id String, tenant_id String, identity String, request_id String,
    issued_at DateTime64(6, 'UTC'), expires_at DateTime64(6, 'UTC'),
    revoked_at DateTime64(6, 'UTC') DEFAULT toDateTime64('2299-12-31 00:00:00', 6, 'UTC'),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (credential_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
