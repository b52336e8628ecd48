-- Who may sign session grants, and for which tenants. `*` stands for every registered tenant.
CREATE TABLE IF NOT EXISTS issuers (
    issuer_id String, public_key String, tenants Array(String),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (issuer_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
