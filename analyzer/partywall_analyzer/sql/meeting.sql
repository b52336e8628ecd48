-- Who owns what the calls of each session and trace touch: the least and the greatest owner, and
-- whether one is not the tenant of the call. All are told by a number, which is all a look needs.
CREATE TABLE {meeting:Identifier} ENGINE = Memory AS
WITH (SELECT (groupArray(id), groupArray(cityHash64(owner))) FROM {owners:Identifier}) AS owned
SELECT
    cityHash64(session_id) AS session, cityHash64(trace_id) AS trace,
    min(arrayMin(whose)) AS least_of, max(arrayMax(whose)) AS most_of,
    max(arrayExists(hash -> hash != cityHash64(tenant_id), whose)) AS is_foreign
FROM (
    SELECT
        session_id, trace_id, tenant_id,
        arrayFilter(hash -> hash != 0, arrayMap(
            id -> transform(id, owned.1, owned.2, toUInt64(0)), datasets.id)) AS whose
    FROM {calls:Identifier}
    WHERE notEmpty(datasets) AND NOT failed
)
WHERE notEmpty(whose)
GROUP BY session, trace
UNION ALL
SELECT
    cityHash64(session_id) AS session, cityHash64(trace_id) AS trace,
    toUInt64(0) AS least_of, toUInt64(-1) AS most_of, true AS is_foreign
FROM {calls:Identifier}
WHERE notEmpty(parties) AND session_id IN (SELECT session_id FROM {parties:Identifier})
