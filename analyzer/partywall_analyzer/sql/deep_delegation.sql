-- Calls at the end of a longer chain of those who act for one another than is allowed.
SELECT
    concat(session_id, '|', identity) AS subject, tenant_id AS from_tenant, tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, operation AS act,
    false AS sensitive, '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    trace_id, span_id, start_time, session_id, request_id, agent, identity, credential_id,
    approval_id, policy_id, policy_decision, tool, attestation, tenant_id
FROM {calls:Identifier}
WHERE length(actor_chain) > {delegation_depth:UInt32}
