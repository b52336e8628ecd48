-- Calls with a credential of the call's own tenant after it had expired or been revoked.
SELECT
    calls.credential_id AS subject, known.tenant_id AS from_tenant, calls.tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, calls.operation AS act,
    false AS sensitive, '' AS source_trace, '' AS source_span, emptyArrayUInt64() AS carried,
    calls.trace_id AS trace_id, calls.span_id AS span_id, calls.start_time AS start_time,
    calls.session_id AS session_id, calls.request_id AS request_id, calls.agent AS agent,
    calls.identity AS identity, calls.credential_id AS credential_id,
    calls.approval_id AS approval_id, calls.policy_id AS policy_id,
    calls.policy_decision AS policy_decision, calls.tool AS tool, calls.attestation AS attestation,
    calls.tenant_id AS tenant_id
FROM {calls_of_credentials:Identifier} AS calls
INNER JOIN (
    SELECT
        credentials.credential_id AS credential_id, tenant_id,
        toUnixTimestamp64Micro(least(expires_at, revoked_at)) AS ends_us
    FROM {known_credentials:Identifier} AS credentials
    INNER JOIN {credential_uses:Identifier} AS uses
        ON uses.credential_id = credentials.credential_id
    WHERE intDiv(toUnixTimestamp64Nano(uses.last_use), 1000)
        >= toUnixTimestamp64Micro(least(expires_at, revoked_at))
) AS known ON known.credential_id = calls.credential_id
WHERE calls.credential_id != '' AND NOT calls.failed
    AND calls.tenant_id = known.tenant_id
    AND intDiv(toUnixTimestamp64Nano(calls.start_time), 1000) >= known.ends_us
