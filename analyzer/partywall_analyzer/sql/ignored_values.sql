-- Which of some values prove nothing: held by more than eight tenants, or first read from a commons.
WITH (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons
SELECT value FROM (
    SELECT
        entry.1 AS value, entry.2 AS came_out, tenant_id, end_time, span_id,
        hasAny(datasets.id, commons) AS public
    FROM calls
    ARRAY JOIN arrayConcat(
        arrayMap(v -> (v, false), arrayFilter(v -> v IN {values:Array(UInt64)}, values_in)),
        arrayMap(v -> (v, true), arrayFilter(v -> v IN {values:Array(UInt64)}, values_out))) AS entry
)
GROUP BY value
HAVING length(groupUniqArray(9)(tenant_id)) > 8
    OR argMinIf(public, (end_time, span_id, public), came_out)
ORDER BY value
