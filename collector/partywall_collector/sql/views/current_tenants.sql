-- The newest row of each tenant.
CREATE VIEW current_tenants AS
SELECT * FROM tenants
ORDER BY recorded_at DESC
LIMIT 1 BY tenant_id
