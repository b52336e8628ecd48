-- The newest row of each credential that open calls used.
CREATE TABLE {known_credentials:Identifier} ENGINE = Memory AS
SELECT credential_id, tenant_id, expires_at, revoked_at FROM credentials
WHERE {everything:Bool} OR credential_id IN {dirty_credentials:Identifier}
ORDER BY recorded_at DESC
LIMIT 1 BY credential_id
