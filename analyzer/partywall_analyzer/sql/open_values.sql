-- Values of open calls that tenants meet at, or that a commons may have shown first.
CREATE TABLE {open_values:Identifier} ENGINE = Memory AS
WITH
    (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons,
    (SELECT (groupArray(id), groupArray(cityHash64(owner))) FROM {owners:Identifier}) AS owned,
    held AS (
        SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value
        FROM {calls:Identifier})
SELECT value FROM (
    SELECT
        arrayJoin(arrayFilter(v -> v IN held, arrayConcat(values_in, values_out))) AS value,
        cityHash64(tenant_id) AS tenant, hasAny(datasets.id, commons) AS public,
        arrayMap(
            hash -> if(hash = 0, tenant, hash),
            arrayMap(id -> transform(id, owned.1, owned.2, toUInt64(0)), datasets.id)) AS owners
    FROM calls
)
GROUP BY value
HAVING max(public)
    OR min(arrayMin(arrayPushBack(owners, tenant))) != max(arrayMax(arrayPushBack(owners, tenant)))
