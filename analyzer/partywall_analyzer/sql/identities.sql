-- Everybody in whose name calls were made: senders, workloads, agents, credentials; for how many
-- tenants, when first and last.
SELECT
    who.1 AS kind, who.2 AS name, arraySort(groupUniqArray(1000)(tenant_id)) AS tenants,
    count() AS calls,
    intDiv(toUnixTimestamp64Nano(min(start_time)), 1000) AS first_us,
    intDiv(toUnixTimestamp64Nano(max(start_time)), 1000) AS last_us
FROM calls
ARRAY JOIN [
    ('principal', principal), ('identity', identity), ('agent', agent),
    ('credential', credential_id)] AS who
WHERE who.2 != ''
    AND ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
    AND start_time >= fromUnixTimestamp64Micro({since_us:Int64})
GROUP BY who
