-- Calls that cite an approval of everything, or one for everybody and every request.
SELECT
    concat(deeds.identity, '|', deeds.approval_id) AS subject, deeds.tenant_id AS from_tenant,
    deeds.tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, act, false AS sensitive,
    '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    first.1 AS trace_id, first.2 AS span_id, first.3 AS start_time, first.4 AS session_id,
    first.5 AS request_id, first.6 AS agent, deeds.identity AS identity,
    first.7 AS credential_id, deeds.approval_id AS approval_id, first.8 AS policy_id,
    first.9 AS policy_decision, tool, first.10 AS attestation, deeds.tenant_id AS tenant_id
FROM {deeds:Identifier} AS deeds
WHERE deeds.approval_id != '' AND deeds.approval_id IN (
    SELECT approval_id FROM current_approvals
    WHERE has(datasets, '*') OR has(parties, '*') OR (grantee = '*' AND request_id = '*'))
