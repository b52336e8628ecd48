-- Whose grants are good now.
SELECT issuer_id, public_key, tenants
FROM current_issuers
ORDER BY issuer_id
