-- Of the spans near some calls, so many of a trace at most: what each stands below, what made it, and
-- whether it is a step.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    lower(hex(parent_span_id)) AS parent, step, span_kind AS kind, scope_name AS scope
FROM spans
WHERE placement IN (SELECT placement FROM tenants WHERE tenant_id IN {tenants:Array(String)})
    AND tenant_id IN {tenants:Array(String)}
    AND trace_id IN (SELECT unhex(arrayJoin({traces:Array(String)})))
    AND start_time >= fromUnixTimestamp64Micro({since_us:Int64})
    AND start_time < fromUnixTimestamp64Micro({until_us:Int64})
ORDER BY start_time, span_id
LIMIT {most:UInt32} BY trace_id
