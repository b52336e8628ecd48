-- Every call, in any session, that took one of the asked values in or gave one out.
INSERT INTO {uses:Identifier}
SELECT
    entry.1 AS value, entry.2 AS came_out, tenant_id, session_id, trace_id, span_id, end_time,
    datasets,
    loaded_at IN (
        SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')) AS is_new
FROM calls
ARRAY JOIN arrayConcat(
    arrayMap(v -> (v, false), arrayFilter(v -> v IN {asked:Identifier}, values_in)),
    arrayMap(v -> (v, true), arrayFilter(v -> v IN {asked:Identifier}, values_out))) AS entry
PREWHERE arrayExists(v -> v IN {asked:Identifier}, values_in)
    OR arrayExists(v -> v IN {asked:Identifier}, values_out)
