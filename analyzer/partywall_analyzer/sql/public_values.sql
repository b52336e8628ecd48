-- Of the values that a commons gave out and few tenants hold, whether it gave them out first, now and
-- before the new loads.
INSERT INTO {facts:Identifier} (value, is_public, was_public)
WITH wanted AS (
    SELECT value FROM {facts:Identifier}
    GROUP BY value HAVING max(is_public_somewhere) AND max(tenants_before) <= 8)
SELECT
    value, argMin(public, (end_time, span_id, public)) AS is_public,
    argMinIf(public, (end_time, span_id, public), NOT is_new) AS was_public
FROM (
    SELECT
        arrayJoin(arrayFilter(v -> v IN wanted, values_out)) AS value, end_time, span_id,
        arrayExists(id -> id IN {commons:Identifier}, datasets.id) AS public,
        loaded_at IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')) AS is_new
    FROM {valued:Identifier}
    WHERE arrayExists(v -> v IN wanted, values_out)
)
GROUP BY value
HAVING is_public OR was_public
