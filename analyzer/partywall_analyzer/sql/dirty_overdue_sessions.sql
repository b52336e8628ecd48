-- The sessions that have not closed and whose first spans came to be older than a session may be.
INSERT INTO {dirty_sessions:Identifier}
SELECT session_id FROM spans
PREWHERE sequence > 0
WHERE session_id IN (
    SELECT session_id FROM spans
    WHERE sequence > 0
        AND loaded_at > fromUnixTimestamp64Micro({new_overdue:Array(Int64)}[1], 'UTC')
        AND loaded_at <= fromUnixTimestamp64Micro({new_overdue:Array(Int64)}[2], 'UTC'))
GROUP BY session_id, tenant_id
HAVING uniqExactIf(span_id, name = {close_record:String}) < greatest(1, uniqExactIf(span_id, sequence = 1))
