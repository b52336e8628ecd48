-- What a sender brought since a moment, by tenant.
SELECT tenant_id AS tenant, count() AS spans
FROM spans
WHERE received_at >= fromUnixTimestamp64Nano({since:Int64}) AND principal = {principal:String}
GROUP BY tenant_id
ORDER BY tenant_id
