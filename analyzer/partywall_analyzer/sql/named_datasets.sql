-- The datasets that calls touch, by the tenant of the call: of all calls, or of those of new loads.
SELECT tenant_id, arrayJoin(datasets.id) AS id
FROM calls
WHERE id != '' AND ({everything:Bool} OR loaded_at IN (
    SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')))
GROUP BY tenant_id, id
