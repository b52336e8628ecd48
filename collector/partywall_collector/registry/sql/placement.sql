-- Where the spans of a tenant go.
SELECT placement
FROM current_tenants
WHERE tenant_id = {tenant:String}
