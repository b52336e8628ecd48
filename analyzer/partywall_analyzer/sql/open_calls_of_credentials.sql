-- All calls with those of the open credentials that may tell something: two tenants used them, the
-- registry says that they are another one's, or they ended before their last use.
CREATE TABLE {calls_of_credentials:Identifier} ENGINE = Memory AS
WITH suspect AS (
    SELECT uses.credential_id AS id
    FROM (
        SELECT
            credential_id, min(cityHash64(tenant_id)) AS least_of,
            max(cityHash64(tenant_id)) AS most_of, max(start_time) AS last_use
        FROM calls
        WHERE credential_id != '' AND NOT failed
            AND ({everything:Bool} OR credential_id IN {dirty_credentials:Identifier})
        GROUP BY credential_id
    ) AS uses
    LEFT JOIN {known_credentials:Identifier} AS known ON known.credential_id = uses.credential_id
    WHERE least_of != most_of
        OR (known.tenant_id != '' AND (
            cityHash64(known.tenant_id) != least_of
            OR intDiv(toUnixTimestamp64Nano(last_use), 1000)
                >= toUnixTimestamp64Micro(least(known.expires_at, known.revoked_at)))))
SELECT * EXCEPT (
    placement, received_at, loaded_at, principal, actor_chain, datasets, parties, party_values,
    party_terms, argument_terms, introduces, introduces_dropped, record_terms, values_in, values_out)
FROM calls WHERE credential_id IN (SELECT id FROM suspect)
