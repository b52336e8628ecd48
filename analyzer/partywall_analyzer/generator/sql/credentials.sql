-- A credential for each session and tenant, issued before its first call and short-lived.
INSERT INTO credentials (
    credential_id, tenant_id, identity, request_id, issued_at, expires_at, recorded_at)
SELECT
    credential_id, any(tenant_id), any(identity), any(request_id), min(start_time) - INTERVAL 1 MINUTE,
    max(start_time) + INTERVAL 14 DAY, now64(6, 'UTC')
FROM calls
WHERE startsWith(credential_id, 'cred-')
    AND credential_id NOT IN (SELECT credential_id FROM credentials)
GROUP BY credential_id
