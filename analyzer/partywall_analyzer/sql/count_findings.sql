-- Open findings in scope by tenant pair, day, severity and verdict.
SELECT from_tenant, to_tenant, toString(toDate(last_seen)) AS day, severity, verdict, count() AS n
FROM (SELECT * FROM ledger ORDER BY recorded_at DESC, revision DESC LIMIT 1 BY finding_id)
WHERE state = 'open'
    AND ({everything:Bool} OR (
        from_tenant IN {tenants:Array(String)}
        AND (to_tenant IN {tenants:Array(String)} OR to_tenant = {external:String})))
    AND toUnixTimestamp64Micro(toDateTime64(last_seen, 6, 'UTC')) >= {since_us:Int64}
GROUP BY from_tenant, to_tenant, day, severity, verdict
ORDER BY from_tenant, to_tenant, day, severity, verdict
