-- The spans of one trace that are in scope, in order of time.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    lower(hex(parent_span_id)) AS parent, name, step, tenant_id, agent, identity, service,
    toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns,
    status_code = 2 AS failed
FROM spans
WHERE trace_id = unhex({trace:String})
    AND ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
ORDER BY start_ns, end_ns DESC, span
LIMIT 1 BY span
LIMIT {limit:UInt32}
