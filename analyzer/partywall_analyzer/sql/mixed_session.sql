-- Calls of a session that are for another tenant than its first one. A trace in which the tenants
-- meet is left out: there, one handed over to the other.
WITH
    inside AS (
        SELECT * FROM {met:Identifier}
        WHERE session_id IN {mixed_sessions:Identifier} AND trace_id NOT IN (
            SELECT trace_id FROM {met:Identifier}
            WHERE session_id IN {mixed_sessions:Identifier}
            GROUP BY trace_id
            HAVING min(cityHash64(tenant_id)) != max(cityHash64(tenant_id)))),
    homes AS (
        SELECT
            session_id, argMin(toString(tenant_id), (start_time, span_id)) AS home,
            lower(hex(argMin(trace_id, (start_time, span_id)))) AS home_trace,
            lower(hex(argMin(span_id, (start_time, span_id)))) AS home_span,
            uniqExact(tenant_id) AS tenants
        FROM inside GROUP BY session_id HAVING tenants > 1)
SELECT
    calls.session_id AS subject, homes.home AS from_tenant,
    if(homes.tenants = 2, toString(calls.tenant_id), {several:String}) AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, calls.operation AS act,
    false AS sensitive, homes.home_trace AS source_trace, homes.home_span AS source_span,
    emptyArrayUInt64() AS carried,
    calls.trace_id AS trace_id, calls.span_id AS span_id, calls.start_time AS start_time,
    calls.session_id AS session_id, calls.request_id AS request_id, calls.agent AS agent,
    calls.identity AS identity, calls.credential_id AS credential_id,
    calls.approval_id AS approval_id, calls.policy_id AS policy_id,
    calls.policy_decision AS policy_decision, calls.tool AS tool, calls.attestation AS attestation,
    calls.tenant_id AS tenant_id
FROM inside AS calls
INNER JOIN homes ON homes.session_id = calls.session_id
WHERE calls.tenant_id != homes.home
