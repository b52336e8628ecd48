-- The first calls of an identity with a credential that lives longer than is allowed.
SELECT
    concat(identity, '|', long_lived) AS subject, tenant_id AS from_tenant, tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, act, false AS sensitive,
    '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    first.1 AS trace_id, first.2 AS span_id, first.3 AS start_time, first.4 AS session_id,
    first.5 AS request_id, first.6 AS agent, deeds.identity AS identity,
    long_lived AS credential_id, deeds.approval_id AS approval_id, first.8 AS policy_id,
    first.9 AS policy_decision, tool, first.10 AS attestation, deeds.tenant_id AS tenant_id
FROM {deeds:Identifier} AS deeds
WHERE long_lived != ''
