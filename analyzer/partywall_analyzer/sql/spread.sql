-- Who holds the values of a tenant's data that more than eight tenants hold. `is_own` says that the
-- tenant's own data or a commons gave it out.
CREATE TABLE {spread:Identifier} ENGINE = Memory AS
SELECT
    entry.1 AS value, entry.2 AS came_out, access.id AS dataset, owners.owner AS owner,
    access.id IN {commons:Identifier} AS is_public,
    came_out AND (owners.owner = tenant_id OR is_public) AS is_own,
    tenant_id, session_id, request_id, trace_id, span_id, start_time, end_time, agent, identity,
    credential_id, approval_id, policy_id, policy_decision, tool, operation, attestation
FROM (
    SELECT
        *, arrayJoin(arrayConcat(
            arrayMap(v -> (v, false), arrayDistinct(
                arrayFilter(v -> v IN {spreading:Identifier}, values_in))),
            arrayMap(v -> (v, true), arrayDistinct(
                arrayFilter(v -> v IN {spreading:Identifier}, values_out))))) AS entry
    FROM {met:Identifier}
    WHERE NOT failed
) AS calls
LEFT ARRAY JOIN calls.datasets AS access
LEFT JOIN {owners:Identifier} AS owners ON owners.id = access.id
