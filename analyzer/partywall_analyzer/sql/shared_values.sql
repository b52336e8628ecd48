-- How many tenants hold a value, up to nine, now and before the new loads, if it is more than one.
INSERT INTO {facts:Identifier} (value, tenants, tenants_before)
SELECT value, uniqUpTo(8)(tenant) AS tenants, uniqUpToIf(8)(tenant, NOT is_new) AS tenants_before
FROM (
    SELECT
        value, cityHash64(tenant_id) AS tenant,
        loaded_at IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')) AS is_new
    FROM {valued:Identifier} ARRAY JOIN values_in AS value
    UNION ALL
    SELECT
        value, cityHash64(tenant_id) AS tenant,
        loaded_at IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')) AS is_new
    FROM {valued:Identifier} ARRAY JOIN values_out AS value
)
GROUP BY value
HAVING tenants > 1
