-- Whether an envelope that cannot be loaded already stands in quarantine.
SELECT count() AS known
FROM quarantine
WHERE reason IN ('poison', 'too large')
  AND request_sha256 = unhex({sha256:String})
  AND received_at = fromUnixTimestamp64Nano({received_at:Int64}, 'UTC')
