-- What is a canary, of whom, and when a sighting of it counts. A value that two tenants planted is
-- nobody's.
CREATE TABLE {planted:Identifier} ENGINE = Memory AS
SELECT
    value, any(tenant_id) AS whose,
    min((
        canary_id, dataset, toUnixTimestamp64Micro(valid_from), toUnixTimestamp64Micro(valid_until)))
    AS canary
FROM current_canaries ARRAY JOIN fingerprints AS value
GROUP BY value
HAVING uniqExact(tenant_id) = 1
