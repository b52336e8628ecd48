-- Values that came to prove nothing, or something again, and those of datasets that changed hands.
CREATE TABLE {changed_values:Identifier} ENGINE = Memory AS
WITH (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons
SELECT value
FROM (SELECT *, hasAny(datasets.id, commons) AS public FROM {uses:Identifier})
GROUP BY value
HAVING (
        length(groupUniqArray(9)(tenant_id)) > 8
        OR argMinIf(public, (end_time, span_id, public), came_out)
    ) != (
        length(groupUniqArrayIf(9)(tenant_id, NOT is_new)) > 8
        OR argMinIf(public, (end_time, span_id, public), came_out AND NOT is_new))
    OR max(hasAny(datasets.id, {changed_datasets:Array(String)}))
