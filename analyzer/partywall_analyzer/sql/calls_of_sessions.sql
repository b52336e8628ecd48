-- The calls of some sessions with the facts about parties that were taken when they were loaded.
SELECT
    tenant_id, session_id, hex_trace AS trace_id, hex_span AS span_id, start_ns, end_ns,
    operation, failed, parties, party_values, party_terms, argument_terms, introduces,
    introduces_dropped, record_terms, values_in, values_out
FROM (
    SELECT
        *, lower(hex(trace_id)) AS hex_trace, lower(hex(span_id)) AS hex_span,
        toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns
    FROM calls
    WHERE tenant_id IN {tenants:Array(String)} AND session_id IN {sessions:Array(String)}
)
ORDER BY tenant_id, session_id, start_ns, end_ns, span_id
LIMIT 1 BY trace_id, span_id
