-- What the agents of some sessions say of their requests, the first to be said: it counts if it was made
-- under a key of this store, where its keys are known.
WITH (
    SELECT groupArray(unhex(value)) FROM fingerprint_keys
    WHERE put_at = (SELECT max(put_at) FROM fingerprint_keys)
) AS secrets
SELECT tenant_id, session_id, attributes[{facts:String}] AS facts
FROM spans
WHERE tenant_id IN {tenants:Array(String)} AND session_id IN {sessions:Array(String)}
    AND name = {opened_record:String} AND facts != ''
    AND (empty(secrets) OR arrayExists(secret -> partywall_epoch_fits(attributes, secret), secrets))
ORDER BY tenant_id, session_id, start_time, span_id
LIMIT 1 BY tenant_id, session_id
