-- What was refused of a sender since a moment, by reason.
SELECT reason, count() AS spans
FROM quarantine
WHERE received_at >= fromUnixTimestamp64Nano({since:Int64}) AND principal = {principal:String}
GROUP BY reason
ORDER BY reason
