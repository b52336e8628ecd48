-- In how many traces the accepted spans are that a sender brought since a moment.
SELECT uniqExact(trace_id) AS traces
FROM spans
WHERE received_at >= fromUnixTimestamp64Nano({since:Int64}) AND principal = {principal:String}
