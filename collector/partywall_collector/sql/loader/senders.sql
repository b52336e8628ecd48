-- Whose tokens are good now.
SELECT principal_id, tenants, token_sha256
FROM current_principals
WHERE token_sha256 != ''
ORDER BY principal_id
