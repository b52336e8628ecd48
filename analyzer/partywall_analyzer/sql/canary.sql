-- Calls for another tenant that hold a canary, with the first call that gave it out from data of its
-- tenant or for its tenant.
WITH
    origins AS (
        SELECT
            value AS what, min(end_time) AS had_at,
            argMin((lower(hex(trace_id)), lower(hex(span_id)), if(owner = whose, dataset, '')),
                (end_time, span_id, owner = whose, dataset)) AS home
        FROM {sightings:Identifier}
        WHERE came_out AND (owner = whose OR tenant_id = whose)
        GROUP BY value)
SELECT
    concat(session_id, '|', canary.1) AS subject, whose AS from_tenant, tenant_id AS to_tenant,
    '' AS dataset, if(canary.2 != '', canary.2, origins.home.3) AS source_dataset,
    '' AS party_kind, '' AS party, operation AS act, false AS sensitive,
    if(is_later, origins.home.1, '') AS source_trace,
    if(is_later, origins.home.2, '') AS source_span,
    [value] AS carried,
    trace_id, span_id, start_time, session_id, request_id, agent, identity, credential_id,
    approval_id, policy_id, policy_decision, tool, attestation, tenant_id,
    origins.had_at <= start_time AND origins.home.2 != lower(hex(span_id)) AS is_later
FROM (
    SELECT DISTINCT * EXCEPT (dataset, owner, came_out, end_time) FROM {sightings:Identifier}
) AS sighting
LEFT JOIN origins ON origins.what = sighting.value
WHERE tenant_id != whose
    AND intDiv(toUnixTimestamp64Nano(start_time), 1000) >= canary.3
    AND intDiv(toUnixTimestamp64Nano(start_time), 1000) < canary.4
