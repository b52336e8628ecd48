-- What sessions say of themselves: how many spans were numbered and how many came, and when the last of
-- them was recorded as closed. Only those that closed, and whose close record was loaded a while ago:
-- what is on the way until then is not missing.
CREATE TABLE {session_records:Identifier} ENGINE = Memory AS
SELECT
    session_id, toString(tenant_id) AS tenant_id,
    uniqExact(span_id) AS came,
    arraySum(close -> close.2, groupUniqArrayIf((span_id, sequence), name = {close_record:String}))
        AS numbered,
    uniqExactIf(span_id, name = {close_record:String}) AS closed_parts,
    uniqExactIf(span_id, sequence = 1) AS parts,
    maxIf(start_time, name = {close_record:String}) AS closed_at,
    argMaxIf(
        (trace_id, span_id, start_time, request_id, toString(agent), toString(identity),
            toString(attestation)),
        (start_time, span_id), name = {close_record:String}) AS last
FROM spans
PREWHERE sequence > 0
WHERE {everything:Bool} OR session_id IN {dirty_sessions:Identifier}
GROUP BY session_id, tenant_id
HAVING closed_parts > 0 AND closed_parts >= parts
    AND toUnixTimestamp64Micro(maxIf(loaded_at, name = {close_record:String})) <= {settled:Int64}
