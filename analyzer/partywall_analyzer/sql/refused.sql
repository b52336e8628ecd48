-- Spans in quarantine by reason and by the tenant that they claimed; '' for those that claimed none.
SELECT claim AS tenant, reason, count() AS spans
FROM quarantine
LEFT ARRAY JOIN claimed_tenants AS claim
WHERE ({everything:Bool} OR claim IN {tenants:Array(String)})
    AND ({tenant:String} = '' OR claim = {tenant:String})
    AND received_at >= fromUnixTimestamp64Micro({since_us:Int64})
    AND ({until_us:Int64} = 0 OR received_at < fromUnixTimestamp64Micro({until_us:Int64}))
GROUP BY claim, reason
