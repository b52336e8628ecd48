-- Calls with a credential for one request that outlived their session.
SELECT
    concat(calls.session_id, '|', calls.credential_id) AS subject,
    calls.tenant_id AS from_tenant, calls.tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, calls.operation AS act,
    false AS sensitive, '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    calls.trace_id AS trace_id, calls.span_id AS span_id, calls.start_time AS start_time,
    calls.session_id AS session_id, calls.request_id AS request_id, calls.agent AS agent,
    calls.identity AS identity, calls.credential_id AS credential_id,
    calls.approval_id AS approval_id, calls.policy_id AS policy_id,
    calls.policy_decision AS policy_decision, calls.tool AS tool, calls.attestation AS attestation,
    calls.tenant_id AS tenant_id
FROM {calls:Identifier} AS calls
INNER JOIN {session_records:Identifier} AS session
    ON session.session_id = calls.session_id AND session.tenant_id = calls.tenant_id
INNER JOIN (
    SELECT credential_id, toUnixTimestamp64Micro(least(expires_at, revoked_at)) AS ends_us
    FROM current_credentials WHERE request_id != ''
) AS known ON known.credential_id = calls.credential_id
WHERE calls.credential_id != ''
    AND known.ends_us > intDiv(toUnixTimestamp64Nano(session.closed_at), 1000)
        + 1000000 * {revocation_grace:UInt32}
