-- What sessions say of themselves: how many spans were numbered and how many came, when the last of them
-- was recorded as closed, and since when there are spans of it. Only sessions whose spans are numbered.
CREATE TABLE {numbered_sessions:Identifier} ENGINE = Memory AS
SELECT
    session_id, toString(tenant_id) AS tenant_id,
    uniqExact(span_id) AS came,
    arraySum(close -> close.2, groupUniqArrayIf((span_id, sequence), name = {close_record:String}))
        AS numbered,
    uniqExactIf(span_id, name = {close_record:String}) AS closed_parts,
    uniqExactIf(span_id, sequence = 1) AS parts,
    closed_parts > 0 AND closed_parts >= parts AS is_closed,
    maxIf(start_time, name = {close_record:String}) AS closed_at,
    toUnixTimestamp64Micro(maxIf(loaded_at, name = {close_record:String})) AS close_loaded_us,
    argMaxIf(
        (trace_id, span_id, start_time, request_id, toString(agent), toString(identity),
            toString(attestation)),
        (start_time, span_id), name = {close_record:String}) AS last,
    argMin(
        (trace_id, span_id, start_time, request_id, toString(agent), toString(identity),
            toString(attestation)),
        (start_time, span_id)) AS first,
    dateDiff('second', min(start_time), max(start_time)) AS lasts,
    toUnixTimestamp64Micro(min(loaded_at)) AS first_loaded_us
FROM spans
PREWHERE sequence > 0
WHERE {everything:Bool} OR session_id IN {dirty_sessions:Identifier}
GROUP BY session_id, tenant_id
