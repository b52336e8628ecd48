-- The first call of each tenant that holds a value of another tenant's data and never read it from its
-- own data or a commons, where more than eight tenants do.
WITH
    origins AS (
        SELECT
            value AS what,
            argMin((owner, dataset, trace_id, span_id), (end_time, span_id, owner, dataset)) AS home
        FROM {spread:Identifier} WHERE came_out GROUP BY value
        HAVING home.1 != ''),
    holders AS (
        SELECT value AS what, tenant_id AS who, min((start_time, span_id)) AS first
        FROM {spread:Identifier} GROUP BY value, tenant_id HAVING NOT max(is_own)),
    wide AS (
        SELECT holders.what AS what, any(origins.home) AS home
        FROM holders INNER JOIN origins ON origins.what = holders.what
        WHERE holders.who != origins.home.1
        GROUP BY holders.what HAVING count() > 8)
SELECT
    lower(hex(value)) AS subject, wide.home.1 AS from_tenant, {several:String} AS to_tenant,
    '' AS dataset, wide.home.2 AS source_dataset, '' AS party_kind, '' AS party, operation AS act,
    false AS sensitive, lower(hex(wide.home.3)) AS source_trace,
    lower(hex(wide.home.4)) AS source_span, [value] AS carried,
    trace_id, span_id, start_time, session_id, request_id, agent, identity, credential_id,
    approval_id, policy_id, policy_decision, tool, attestation, tenant_id, value
FROM {spread:Identifier} AS spread
INNER JOIN wide ON wide.what = spread.value
WHERE spread.tenant_id != wide.home.1 AND (value, tenant_id, start_time, span_id) IN (
    SELECT what, who, first.1, first.2 FROM holders)
