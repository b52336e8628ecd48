-- Which of the asked values prove nothing: held by more than eight tenants, or first read from a
-- commons.
WITH (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons
SELECT value
FROM (
    SELECT *, hasAny(datasets.id, commons) AS public
    FROM {uses:Identifier} WHERE value IN {asked:Identifier})
GROUP BY value
HAVING length(groupUniqArray(9)(tenant_id)) > 8
    OR argMinIf(public, (end_time, span_id, public), came_out)
ORDER BY value
