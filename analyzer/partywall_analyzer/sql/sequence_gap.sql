-- Sessions of which spans are missing: their parts closed with a higher count than came.
SELECT
    session_id AS subject, tenant_id AS from_tenant, tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, '' AS act,
    false AS sensitive, '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    last.1 AS trace_id, last.2 AS span_id, last.3 AS start_time, session_id,
    last.4 AS request_id, last.5 AS agent, last.6 AS identity, '' AS credential_id,
    '' AS approval_id, '' AS policy_id, '' AS policy_decision, '' AS tool,
    last.7 AS attestation, tenant_id
FROM {session_records:Identifier}
WHERE came < numbered
