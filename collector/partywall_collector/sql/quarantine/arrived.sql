-- Where the spans of released requests are now: by tenant, and by reason those refused again.
SELECT tenant_id AS place, '' AS reason, count() AS spans
FROM spans
WHERE received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({stamps:Array(Int64)}), 'UTC'))
GROUP BY tenant_id
UNION ALL
SELECT '' AS place, reason, count() AS spans
FROM quarantine
WHERE received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({stamps:Array(Int64)}), 'UTC'))
GROUP BY reason
