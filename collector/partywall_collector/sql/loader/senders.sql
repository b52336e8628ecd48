-- Who may send now, and how each is known.
SELECT principal_id, tenants, roles, token_sha256, jwt_issuer, jwt_subject, spiffe_id
FROM current_principals
ORDER BY principal_id
