-- Of each tenant: stretches of sessions whose spans are numbered, how many have no record of their
-- end, and how many numbers below the highest one, or the one that the record names, never came.
-- Of a stretch that had begun before, the numbers before the first one are not missed.
SELECT
    tenant_id AS tenant, count() AS parts, countIf(closed = 0) AS unclosed,
    countIf(missing > 0) AS broken, sum(missing) AS lost
FROM (
    SELECT
        tenant_id, session_id, attributes[{part:String}] AS part,
        countIf(name = {close:String}) AS closed,
        toInt64(greatest(max(sequence), max(toUInt32OrZero(attributes[{spans:String}]))))
            - if({since_us:Int64} > 0, toInt64(min(sequence)) - 1, 0)
            - toInt64(uniqExact(sequence)) AS missing
    FROM spans
    WHERE sequence > 0
        AND ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
        AND ({tenant:String} = '' OR tenant_id = {tenant:String} AND placement IN (
            SELECT placement FROM tenants WHERE tenant_id = {tenant:String}))
        AND start_time >= fromUnixTimestamp64Micro({since_us:Int64})
        AND ({until_us:Int64} = 0 OR start_time < fromUnixTimestamp64Micro({until_us:Int64}))
    GROUP BY tenant_id, session_id, part
)
GROUP BY tenant_id
