-- Calls with a credential of another tenant: the registry says whose it is, else its first user.
WITH
    suspect AS (
        SELECT uses.credential_id AS id
        FROM {credential_uses:Identifier} AS uses
        LEFT JOIN {known_credentials:Identifier} AS known ON known.credential_id = uses.credential_id
        WHERE least_of != most_of
            OR (known.tenant_id != '' AND cityHash64(known.tenant_id) != least_of)),
    used AS (
        SELECT
            credential_id AS id, tenant_id AS tenant, min((start_time, span_id)) AS first,
            lower(hex(argMin(trace_id, (start_time, span_id)))) AS trace,
            lower(hex(argMin(span_id, (start_time, span_id)))) AS span
        FROM {calls_of_credentials:Identifier}
        WHERE credential_id IN (SELECT id FROM suspect) AND NOT failed
        GROUP BY credential_id, tenant_id),
    home AS (
        SELECT
            used.id AS id, any(known.tenant_id) AS registered,
            if(registered != '', registered, argMin(used.tenant, used.first)) AS owner
        FROM used LEFT JOIN {known_credentials:Identifier} AS known ON known.credential_id = used.id
        GROUP BY used.id),
    first_use AS (
        SELECT
            home.id AS id, home.owner AS owner,
            anyIf(used.trace, used.tenant = home.owner) AS trace,
            anyIf(used.span, used.tenant = home.owner) AS span
        FROM home INNER JOIN used ON used.id = home.id
        GROUP BY home.id, home.owner
        HAVING max(used.tenant != home.owner))
SELECT
    calls.credential_id AS subject, first_use.owner AS from_tenant, calls.tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, calls.operation AS act,
    false AS sensitive,
    first_use.trace AS source_trace, first_use.span AS source_span,
    emptyArrayUInt64() AS carried,
    calls.trace_id AS trace_id, calls.span_id AS span_id, calls.start_time AS start_time,
    calls.session_id AS session_id, calls.request_id AS request_id, calls.agent AS agent,
    calls.identity AS identity, calls.credential_id AS credential_id,
    calls.approval_id AS approval_id, calls.policy_id AS policy_id,
    calls.policy_decision AS policy_decision, calls.tool AS tool, calls.attestation AS attestation,
    calls.tenant_id AS tenant_id
FROM {calls_of_credentials:Identifier} AS calls
INNER JOIN first_use ON first_use.id = calls.credential_id
WHERE calls.credential_id IN (SELECT id FROM suspect)
    AND calls.tenant_id != first_use.owner AND NOT calls.failed
