-- The crossing calls that a rule finds at the keys that are open.
INSERT INTO {crossings:Identifier}
SELECT
    {rule:String} AS rule, subject, from_tenant, to_tenant, dataset, source_dataset, party_kind,
    party, act, sensitive, source_trace, source_span, carried, trace_id, span_id, start_time,
    session_id, request_id, agent, identity, credential_id, approval_id, policy_id,
    policy_decision, tool, attestation, tenant_id
FROM (
-- {rule}
)
-- {opened}
