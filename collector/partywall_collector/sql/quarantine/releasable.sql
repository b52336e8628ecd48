-- The spans whose claim a change of the registry may have made good; whole requests, the oldest first.
SELECT
    toUnixTimestamp64Nano(received_at) AS stamp,
    principal, principal_tenants AS tenants, claimed_tenants[1] AS claim, trace_id, span_id, span
FROM quarantine
WHERE ({reason:String} = '' OR reason = {reason:String})
  AND ({principal:String} = '' OR principal = {principal:String})
  AND ({tenant:String} = '' OR has(claimed_tenants, {tenant:String}))
  AND received_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND reason IN ('foreign tenant', 'unknown tenant')
ORDER BY received_at
LIMIT {limit:UInt32} WITH TIES
