-- Calls that a policy had denied, and that ran to a good end.
SELECT
    concat(session_id, '|', policy_id, '|', tool) AS subject,
    tenant_id AS from_tenant, tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, operation AS act,
    false AS sensitive, '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    trace_id, span_id, start_time, session_id, request_id, agent, identity, credential_id,
    approval_id, policy_id, policy_decision, tool, attestation, tenant_id
FROM {calls:Identifier}
WHERE policy_decision != '' AND lower(policy_decision) IN {denials:Array(String)} AND NOT failed
