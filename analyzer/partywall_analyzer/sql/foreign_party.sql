-- Calls that send to or fetch from a party that is neither the tenant's own nor known nor asked for.
SELECT
    concat(session_id, '|', party_kind, ':', party) AS subject,
    tenant_id AS from_tenant, owner AS to_tenant,
    dataset, '' AS source_dataset, party_kind, party, act, sensitive,
    '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    trace_id, span_id, start_time, session_id, request_id, agent, identity, credential_id,
    approval_id, policy_id, policy_decision, tool, attestation, tenant_id
FROM {touches:Identifier}
WHERE party != ''
