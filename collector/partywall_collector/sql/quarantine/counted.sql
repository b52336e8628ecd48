-- How many spans in quarantine a filter matches: by reason, sender and claim.
SELECT
    reason, principal, claimed_tenants, count() AS spans,
    min(received_at) AS first, max(received_at) AS last
FROM quarantine
WHERE ({reason:String} = '' OR reason = {reason:String})
  AND ({principal:String} = '' OR principal = {principal:String})
  AND ({tenant:String} = '' OR has(claimed_tenants, {tenant:String}))
  AND received_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Nano({until:Int64}, 'UTC')
GROUP BY reason, principal, claimed_tenants
ORDER BY spans DESC, reason, principal, claimed_tenants
