-- Who holds some values: each tenant with its first call that does, whether its own data or a commons
-- gave it the value, and the first of its calls that was given it. Of all calls or of new ones.
SELECT
    value, tenant_id,
    max(came_out AND (owner = tenant_id OR dataset IN {commons:Identifier})) AS is_own,
    min((
        toUnixTimestamp64Nano(start_time), lower(hex(span_id)), lower(hex(trace_id)), session_id,
        request_id, toString(agent), toString(identity), credential_id, approval_id,
        toString(policy_id), toString(policy_decision), toString(tool), toString(operation),
        toString(attestation))) AS first,
    minIf(
        (toUnixTimestamp64Nano(end_time), lower(hex(span_id)), owner, dataset, lower(hex(trace_id))),
        came_out) AS origin,
    max(came_out) AS was_given
FROM (
    SELECT
        entry.1 AS value, entry.2 AS came_out, dataset, owners.owner AS owner, calls.*
    FROM (
        SELECT
            tenant_id, trace_id, span_id, start_time, end_time, session_id, request_id, agent,
            identity, credential_id, approval_id, policy_id, policy_decision, tool, operation,
            attestation, datasets.id AS ids,
            arrayConcat(
                arrayMap(v -> (v, false), arrayDistinct(
                    arrayFilter(v -> v IN {asked_values:Identifier}, values_in))),
                arrayMap(v -> (v, true), arrayDistinct(
                    arrayFilter(v -> v IN {asked_values:Identifier}, values_out)))) AS entries
        FROM calls
        WHERE NOT failed
            AND (arrayExists(v -> v IN {asked_values:Identifier}, values_in)
                OR arrayExists(v -> v IN {asked_values:Identifier}, values_out))
            AND ({every_load:Bool} OR loaded_at IN (
                SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')))
    ) AS calls
    ARRAY JOIN entries AS entry
    LEFT ARRAY JOIN ids AS dataset
    LEFT JOIN {owners:Identifier} AS owners ON owners.id = dataset
)
GROUP BY value, tenant_id
