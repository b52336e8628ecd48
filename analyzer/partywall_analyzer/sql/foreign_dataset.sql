-- Calls that touch a dataset of another tenant.
SELECT
    concat(session_id, '|', dataset) AS subject, tenant_id AS from_tenant, owner AS to_tenant,
    dataset, '' AS source_dataset, party_kind, party, act, sensitive,
    '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    trace_id, span_id, start_time, session_id, request_id, agent, identity, credential_id,
    approval_id, policy_id, policy_decision, tool, attestation, tenant_id
FROM {touches:Identifier}
WHERE party = '' AND owner != tenant_id
