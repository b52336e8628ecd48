-- How many spans a minute the tenants that have a quota may be sent.
SELECT tenant_id, spans_per_minute
FROM current_tenants
WHERE spans_per_minute > 0
ORDER BY tenant_id
