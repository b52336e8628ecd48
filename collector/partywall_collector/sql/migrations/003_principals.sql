-- A principal is known by a JWT or a SPIFFE ID too, and has roles.
ALTER TABLE principals
    ADD COLUMN IF NOT EXISTS roles Array(LowCardinality(String)) AFTER tenants,
    ADD COLUMN IF NOT EXISTS jwt_issuer String AFTER token_sha256,
    ADD COLUMN IF NOT EXISTS jwt_subject String AFTER jwt_issuer,
    ADD COLUMN IF NOT EXISTS spiffe_id String AFTER jwt_subject
