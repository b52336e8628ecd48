-- Who may send, and for which tenants. `*` stands for every registered tenant.
CREATE TABLE IF NOT EXISTS principals (
    principal_id String, tenants Array(String), roles Array(LowCardinality(String)),
    token_sha256 String, jwt_issuer String, jwt_subject String, spiffe_id String,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (principal_id, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
