-- The spans in quarantine that a filter matches, the newest first.
SELECT received_at, reason, principal, claimed_tenants, trace_id, span_id, name, service, span
FROM quarantine
WHERE ({reason:String} = '' OR reason = {reason:String})
  AND ({principal:String} = '' OR principal = {principal:String})
  AND ({tenant:String} = '' OR has(claimed_tenants, {tenant:String}))
  AND received_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND ({span:String} = '' OR span_id = {span:String})
ORDER BY received_at DESC, trace_id, span_id
LIMIT {limit:UInt32}
