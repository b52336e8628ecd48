-- Values at which tenants meet: every call that took one in or gave one out, by dataset. `whose` is
-- the owner of the dataset, else the tenant of the call. Values that prove nothing are left out.
CREATE TABLE {held:Identifier} ENGINE = Memory AS
SELECT
    entry.1 AS value, entry.2 AS came_out, calls.n_out AS n_out,
    tenant_id, session_id, request_id, trace_id, span_id, start_time, end_time, agent,
    identity, credential_id, approval_id, policy_id, policy_decision, tool, attestation, server,
    access.id AS dataset, owners.owner AS owner, owners.sensitive AS sensitive,
    if(access.operation != '', access.operation, calls.operation) AS act,
    act IN ['', 'none', 'read', 'fetch', 'get', 'list', 'search', 'query'] AS is_read,
    if(owners.owner != '', owners.owner, toString(calls.tenant_id)) AS whose
FROM (
    SELECT
        *, length(arrayDistinct(values_out)) AS n_out,
        arrayJoin(arrayConcat(
            arrayMap(v -> (v, false), arrayDistinct(
                arrayFilter(v -> v IN {telling:Identifier}, values_in))),
            arrayMap(v -> (v, true), arrayDistinct(
                arrayFilter(v -> v IN {telling:Identifier}, values_out))))) AS entry
    FROM {met:Identifier}
    WHERE NOT failed
) AS calls
LEFT ARRAY JOIN calls.datasets AS access
LEFT JOIN {owners:Identifier} AS owners ON owners.id = access.id
