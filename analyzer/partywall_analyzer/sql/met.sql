-- Values at which tenants meet: held for two tenants, or in a dataset of another one.
CREATE TABLE {met:Identifier} ENGINE = Memory AS
WITH (SELECT (groupArray(id), groupArray(cityHash64(owner))) FROM {owners:Identifier}) AS owned
SELECT value FROM (
    SELECT
        arrayJoin(arrayConcat(values_in, values_out)) AS value,
        arrayPushBack(
            arrayFilter(hash -> hash != 0, arrayMap(
                id -> transform(id, owned.1, owned.2, toUInt64(0)), datasets.id)),
            cityHash64(tenant_id)) AS whose,
        arrayMin(whose) AS least_of, arrayMax(whose) AS most_of
    FROM {calls_of_values:Identifier}
    WHERE notEmpty(values_in) OR notEmpty(values_out)
)
GROUP BY value
HAVING min(least_of) != max(most_of)
