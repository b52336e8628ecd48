-- Values that more than eight tenants hold and that a tenant's own data gave out first.
CREATE TABLE {spreading:Identifier} ENGINE = Memory AS
SELECT value
FROM (
    SELECT
        arrayJoin(arrayFilter(v -> v IN {wide_values:Identifier}, values_out)) AS value,
        end_time, span_id,
        notEmpty(datasets.id) AND arrayAll(
            id -> id IN (SELECT id FROM {owners:Identifier}), datasets.id) AS is_owned
    FROM calls
    WHERE NOT failed AND arrayExists(v -> v IN {wide_values:Identifier}, values_out)
)
GROUP BY value
HAVING argMin(is_owned, (end_time, span_id))
