-- Places a tenant anew: a newer version of its row, in force ten seconds from now.
INSERT INTO tenants
SELECT * REPLACE (
    {placement:String} AS placement,
    greatest(now64(6, 'UTC') + INTERVAL 10 SECOND, recorded_at + INTERVAL 1 MICROSECOND) AS recorded_at)
FROM current_tenants
WHERE tenant_id = {tenant:String}
