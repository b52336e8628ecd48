-- Values of the calls of dirty traces at which tenants meet and that prove something, or that changed.
CREATE TABLE {dirty_values:Identifier} ENGINE = Memory AS
WITH
    (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons,
    (SELECT (groupArray(id), groupArray(cityHash64(owner))) FROM {owners:Identifier}) AS owned
SELECT value FROM (
    SELECT
        value, came_out, cityHash64(tenant_id) AS tenant, end_time, span_id,
        hasAny(datasets.id, commons) AS public,
        arrayMap(
            hash -> if(hash = 0, tenant, hash),
            arrayMap(id -> transform(id, owned.1, owned.2, toUInt64(0)), datasets.id)) AS owners
    FROM {uses:Identifier}
)
GROUP BY value
HAVING min(arrayMin(arrayPushBack(owners, tenant))) != max(arrayMax(arrayPushBack(owners, tenant)))
    AND length(groupUniqArray(9)(tenant)) <= 8
    AND NOT argMinIf(public, (end_time, span_id, public), came_out)
UNION DISTINCT
SELECT value FROM {changed_values:Identifier}
