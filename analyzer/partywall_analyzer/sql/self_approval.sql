-- Calls that cite an approval which was given by who acts, or by the person on whose behalf.
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
INNER JOIN (
    SELECT approval_id, groupUniqArray(lower(approver)) AS approvers
    FROM current_approvals WHERE approver != '' GROUP BY approval_id
) AS given ON given.approval_id = deeds.approval_id
WHERE deeds.approval_id != ''
    AND hasAny(approvers, arrayMap(name -> lower(name), [deeds.identity, person, first.6]))
