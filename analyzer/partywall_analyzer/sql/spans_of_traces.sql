-- The spans of some traces, with their links.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    lower(hex(parent_span_id)) AS parent,
    toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns,
    tenant_id, session_id, request_id, name, step, agent, identity,
    arrayMap(link -> (lower(hex(link.trace_id)), lower(hex(link.span_id))), links) AS links,
    status_code = 2 AS failed
FROM spans
WHERE trace_id IN (SELECT toFixedString(unhex(id), 16) FROM (
    SELECT arrayJoin({traces:Array(String)}) AS id))
ORDER BY trace, start_ns, end_ns, span
