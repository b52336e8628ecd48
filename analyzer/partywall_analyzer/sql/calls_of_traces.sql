-- The calls of some traces, or those of them that are named: what each touched, and the fingerprints
-- that went in and came out. At most so many of a trace, each once.
SELECT *
FROM (
    SELECT
        lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
        lower(hex(parent_span_id)) AS parent,
        toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns,
        tenant_id, session_id, request_id, tool AS name, step, tool, agent, identity, subject,
        credential_id, operation, datasets, parties, values_in, values_out, failed
    FROM calls
    WHERE trace_id IN (SELECT toFixedString(unhex(id), 16) FROM (
        SELECT arrayJoin({traces:Array(String)}) AS id))
        AND (empty({spans:Array(String)}) OR span_id IN (SELECT toFixedString(unhex(id), 8) FROM (
            SELECT arrayJoin({spans:Array(String)}) AS id)))
    ORDER BY trace, start_ns, end_ns, span
    LIMIT 1 BY trace, span
)
ORDER BY trace, start_ns, end_ns, span
LIMIT {most:UInt32} BY trace
