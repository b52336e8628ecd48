-- What was done about some findings, oldest first; what was written twice after a crash counts once.
SELECT
    response_id, finding_id, tenant_id, kind, outcome, actor, reason, note, target, severity,
    toUnixTimestamp64Micro(at) AS at_us
FROM responses
WHERE finding_id IN {ids:Array(String)}
    AND ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
ORDER BY at, recorded_at, response_id
LIMIT 1 BY response_id, tenant_id
