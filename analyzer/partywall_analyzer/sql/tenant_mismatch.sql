-- Reads of a tenant's own data whose answer holds values that the same server had given out from the
-- data of one other tenant, and that this tenant had never shown before: most of it, or a third.
WITH
    origins AS (
        SELECT
            value AS what, min(end_time) AS had_first,
            argMin((owner, dataset, server, trace_id, span_id), (end_time, span_id, owner))
                AS home
        FROM {held:Identifier}
        WHERE came_out AND is_read AND owner != ''
        GROUP BY value),
    known AS (
        SELECT value AS what, who, min(start_time) AS since
        FROM (
            SELECT value, start_time, arrayJoin([whose, toString(tenant_id)]) AS who
            FROM {held:Identifier})
        GROUP BY value, who)
SELECT
    concat(session_id, '|', dataset) AS subject, tenant_id AS from_tenant, theirs AS to_tenant,
    dataset, argMin(home.2, (had_first, home)) AS source_dataset, '' AS party_kind, '' AS party,
    act, any(sensitive) AS sensitive,
    lower(hex(argMin(home.4, (had_first, home)))) AS source_trace,
    lower(hex(argMin(home.5, (had_first, home)))) AS source_span,
    arraySort(groupUniqArray(value)) AS carried,
    trace_id, span_id, start_time, session_id, any(request_id) AS request_id, any(agent) AS agent,
    any(identity) AS identity, any(credential_id) AS credential_id,
    any(approval_id) AS approval_id, any(policy_id) AS policy_id,
    any(policy_decision) AS policy_decision, any(tool) AS tool, any(attestation) AS attestation,
    tenant_id
FROM (
    SELECT answer.*, origins.home AS home, origins.home.1 AS theirs, origins.had_first AS had_first
    FROM (
        SELECT * FROM {held:Identifier}
        WHERE came_out AND is_read AND owner = tenant_id AND server != ''
    ) AS answer
    INNER JOIN origins ON origins.what = answer.value
    INNER JOIN known ON known.what = answer.value AND known.who = answer.tenant_id
    WHERE origins.home.1 != answer.tenant_id AND origins.home.3 = answer.server
        AND origins.had_first <= answer.start_time AND known.since >= answer.start_time
)
GROUP BY tenant_id, theirs, dataset, act, trace_id, span_id, start_time, session_id
HAVING 2 * uniqExact(value) > any(n_out)
    OR (uniqExact(value) > 1 AND 3 * uniqExact(value) >= any(n_out))
