-- Sessions of one tenant, to plant in: who runs, and how many seconds after the start of all.
SELECT
    session_id AS session, any(tenant_id) AS tenant, any(agent) AS agent, any(identity) AS identity,
    any(credential_id) AS credential,
    (toUnixTimestamp64Micro(max(start_time)) - 1772442000000000) / 1000000 AS at
FROM calls
WHERE cityHash64(session_id) % {every:UInt64} = 0
GROUP BY session_id
HAVING uniqExact(tenant_id) = 1
ORDER BY session_id
LIMIT {limit:UInt64}
