-- Every call, open or not, that holds a canary which open calls hold, by dataset.
CREATE TABLE {sightings:Identifier} ENGINE = Memory AS
SELECT
    planted.whose AS whose, planted.canary AS canary, entry.1 AS value, entry.2 AS came_out,
    access.id AS dataset, owners.owner AS owner,
    tenant_id, session_id, request_id, trace_id, span_id, start_time, end_time, agent, identity,
    credential_id, approval_id, policy_id, policy_decision, tool, operation, attestation
FROM (
    SELECT
        *, arrayJoin(arrayConcat(
            arrayMap(v -> (v, false), arrayDistinct(
                arrayFilter(v -> v IN {sighted:Identifier}, values_in))),
            arrayMap(v -> (v, true), arrayDistinct(
                arrayFilter(v -> v IN {sighted:Identifier}, values_out))))) AS entry
    FROM calls
    WHERE (SELECT count() FROM {sighted:Identifier}) > 0 AND (
        arrayExists(v -> v IN {sighted:Identifier}, values_in)
        OR arrayExists(v -> v IN {sighted:Identifier}, values_out))
) AS calls
INNER JOIN {planted:Identifier} AS planted ON planted.value = entry.1
LEFT ARRAY JOIN calls.datasets AS access
LEFT JOIN {owners:Identifier} AS owners ON owners.id = access.id
