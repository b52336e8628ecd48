-- Values that came to prove nothing, or something again, and those of datasets that changed hands.
CREATE TABLE {changed_values:Identifier} ENGINE = Memory AS
WITH
    (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons,
    news AS (
        SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM calls
        WHERE loaded_at IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')))
SELECT value FROM (
    SELECT
        entry.1 AS value, entry.2 AS came_out, tenant_id, end_time, span_id,
        hasAny(datasets.id, commons) AS public,
        loaded_at NOT IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')) AS old
    FROM calls
    ARRAY JOIN arrayConcat(
        arrayMap(v -> (v, false), arrayFilter(v -> v IN news, values_in)),
        arrayMap(v -> (v, true), arrayFilter(v -> v IN news, values_out))) AS entry
)
GROUP BY value
HAVING (
        length(groupUniqArray(9)(tenant_id)) > 8
        OR argMinIf(public, (end_time, span_id, public), came_out)
    ) != (
        length(groupUniqArrayIf(9)(tenant_id, old)) > 8
        OR argMinIf(public, (end_time, span_id, public), came_out AND old))
UNION DISTINCT
SELECT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM calls
WHERE hasAny(datasets.id, {changed_datasets:Array(String)})
