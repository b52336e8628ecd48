-- Who may send, and for which tenants. `*` stands for every registered tenant.
CREATE TABLE IF NOT EXISTS principals (
    principal_id String, tenants Array(String), token_sha256 String,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (principal_id, recorded_at)
