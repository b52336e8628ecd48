-- Calls with a credential that the registry says was issued for another workload.
WITH
    known AS (SELECT credential_id, identity FROM current_credentials WHERE identity != ''),
    widened AS (
        SELECT used.credential_id
        FROM (
            SELECT
                credential_id, min(cityHash64(identity)) AS least_by,
                max(cityHash64(identity)) AS most_by
            FROM {calls:Identifier}
            WHERE credential_id != '' AND identity != '' AND NOT failed
            GROUP BY credential_id
        ) AS used
        INNER JOIN known ON known.credential_id = used.credential_id
        WHERE least_by != most_by OR least_by != cityHash64(known.identity))
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
INNER JOIN known ON known.credential_id = calls.credential_id
WHERE calls.credential_id IN (SELECT credential_id FROM widened) AND calls.identity != ''
    AND NOT calls.failed AND calls.identity != known.identity
