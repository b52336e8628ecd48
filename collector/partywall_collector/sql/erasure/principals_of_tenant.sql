-- Who may still send for a tenant.
SELECT principal_id
FROM current_principals
WHERE has(tenants, {tenant:String})
ORDER BY principal_id
