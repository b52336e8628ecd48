-- Values at which tenants meet: every call that took one in or gave one out, by dataset. `whose` is
-- the owner of the dataset, else the tenant of the call. Values that prove nothing are left out.
CREATE TABLE {held:Identifier} ENGINE = Memory AS
WITH touched AS (
    SELECT
        calls.*, access.id AS dataset, owners.owner AS owner, owners.sensitive AS sensitive,
        if(access.operation != '', access.operation, calls.operation) AS act,
        if(owners.owner != '', owners.owner, toString(calls.tenant_id)) AS whose
    FROM (
        SELECT * FROM {calls_of_values:Identifier}
        WHERE NOT failed AND (notEmpty(values_in) OR notEmpty(values_out))
    ) AS calls
    LEFT ARRAY JOIN calls.datasets AS access
    LEFT JOIN {owners:Identifier} AS owners ON owners.id = access.id)
SELECT *, act IN ['', 'none', 'read', 'fetch', 'get', 'list', 'search', 'query'] AS is_read
FROM (
    SELECT
        arrayJoin(arrayConcat(
            arrayMap(v -> (v, false), arrayDistinct(values_in)),
            arrayMap(v -> (v, true), arrayDistinct(values_out)))) AS entry,
        entry.1 AS value, entry.2 AS came_out, length(arrayDistinct(values_out)) AS n_out,
        tenant_id, session_id, request_id, trace_id, span_id, start_time, end_time, agent,
        identity, credential_id, approval_id, policy_id, policy_decision, tool, attestation,
        server, dataset, owner, sensitive, act, whose
    FROM touched
)
WHERE value IN (
    SELECT value FROM (
        SELECT arrayJoin(arrayConcat(values_in, values_out)) AS value, tenant_id, whose
        FROM touched
    )
    GROUP BY value
    HAVING min(least(whose, toString(tenant_id))) != max(greatest(whose, toString(tenant_id))))
    AND value NOT IN {ignored:Identifier}
