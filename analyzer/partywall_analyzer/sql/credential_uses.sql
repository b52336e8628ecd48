-- Of each credential, between which tenants it was used (told by a number), and when last.
CREATE TABLE {credential_uses:Identifier} ENGINE = Memory AS
SELECT
    credential_id, min(cityHash64(tenant_id)) AS least_of, max(cityHash64(tenant_id)) AS most_of,
    max(start_time) AS last_use
FROM {calls_of_credentials:Identifier}
WHERE credential_id != '' AND NOT failed
GROUP BY credential_id
