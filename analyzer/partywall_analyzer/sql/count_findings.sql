-- Findings that somebody still has to do something about, in scope by tenant pair, day, severity and verdict.
SELECT from_tenant, to_tenant, toString(toDate(last_seen)) AS day, severity, verdict, count() AS n
FROM current_findings
WHERE state IN {live:Array(String)}
    AND ({everything:Bool} OR (
        from_tenant IN {tenants:Array(String)}
        AND (to_tenant IN {tenants:Array(String)} OR to_tenant = {external:String})))
    AND toUnixTimestamp64Micro(toDateTime64(last_seen, 6, 'UTC')) >= {since_us:Int64}
GROUP BY from_tenant, to_tenant, day, severity, verdict
ORDER BY from_tenant, to_tenant, day, severity, verdict
