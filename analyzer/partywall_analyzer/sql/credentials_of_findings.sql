-- Whose some credentials are, and since when they are revoked, if they are.
SELECT
    credential_id, tenant_id,
    if(revoked_at <= now64(6), toUnixTimestamp64Micro(revoked_at), 0) AS revoked_us
FROM current_credentials
WHERE credential_id IN {ids:Array(String)}
