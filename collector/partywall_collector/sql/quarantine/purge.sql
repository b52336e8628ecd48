-- Forgets the spans in quarantine that a filter matches.
ALTER TABLE quarantine DELETE
WHERE ({reason:String} = '' OR reason = {reason:String})
  AND ({principal:String} = '' OR principal = {principal:String})
  AND ({tenant:String} = '' OR has(claimed_tenants, {tenant:String}))
  AND received_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Nano({until:Int64}, 'UTC')
SETTINGS mutations_sync = 2
