-- The calls of some traces that may be observations of one call: those beside which there is another
-- of the same tool or with the same call id, for the same tenant in the same session. Of a trace that
-- is very much larger than what is woven, the first ones are compared.
SELECT *
FROM (
    SELECT * EXCEPT (alike, same)
    FROM (
        SELECT
            lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
            toUnixTimestamp64Nano(start_time) AS start_ns,
            toUnixTimestamp64Nano(end_time) AS end_ns,
            tenant_id, session_id, step, tool, call_id, request_id, agent, identity, credential_id,
            approval_id, policy_id, policy_decision, principal, attestation,
            arrayDistinct(arrayConcat(argument_terms, values_in)) AS arguments,
            count() OVER (PARTITION BY trace_id, tenant_id, session_id, tool) AS alike,
            if(call_id = '', 0, count() OVER (
                PARTITION BY trace_id, tenant_id, session_id, call_id)) AS same
        FROM {some_calls:Identifier}
        WHERE trace_id IN {asked_traces:Identifier}
    )
    WHERE alike > 1 OR same > 1
    ORDER BY trace, start_ns, end_ns DESC, span
    LIMIT 1 BY trace, span
)
ORDER BY trace, start_ns, end_ns DESC, span
LIMIT 10 * {weave_spans:UInt32} BY trace
