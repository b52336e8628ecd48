-- Sessions that have not closed and are too old: by their own spans, or by when the first of them came.
SELECT
    session_id AS subject, tenant_id AS from_tenant, tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, '' AS act,
    false AS sensitive, '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    first.1 AS trace_id, first.2 AS span_id, first.3 AS start_time, session_id,
    first.4 AS request_id, first.5 AS agent, first.6 AS identity, '' AS credential_id,
    '' AS approval_id, '' AS policy_id, '' AS policy_decision, '' AS tool,
    first.7 AS attestation, tenant_id
FROM {numbered_sessions:Identifier}
WHERE NOT is_closed AND (lasts > {session_life:UInt32} OR first_loaded_us <= {overdue:Int64})
