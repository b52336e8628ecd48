-- Tenants whose records are kept for a time, and how long.
SELECT tenant_id, retention_days
FROM current_tenants
WHERE retention_days > 0
ORDER BY tenant_id
