-- Spans of one trace that an open finding in scope lists among its crossing calls.
SELECT DISTINCT call.2 AS span
FROM (SELECT * FROM ledger ORDER BY recorded_at DESC, revision DESC LIMIT 1 BY finding_id)
ARRAY JOIN calls AS call
WHERE state = 'open' AND verdict != 'authorised' AND call.1 = {trace:String}
    AND ({everything:Bool} OR (
        from_tenant IN {tenants:Array(String)}
        AND (to_tenant IN {tenants:Array(String)} OR to_tenant = {external:String})))
