-- Of some values, the first call that gave one out, and whether all that it touched is a tenant's own.
-- Of all calls or of new ones.
SELECT
    value,
    min((toUnixTimestamp64Nano(end_time), lower(hex(span_id)), is_owned)) AS first
FROM (
    SELECT
        arrayJoin(arrayFilter(v -> v IN {asked_values:Identifier}, values_out)) AS value,
        end_time, span_id,
        notEmpty(datasets.id) AND arrayAll(
            id -> id IN (SELECT id FROM {owners:Identifier}), datasets.id) AS is_owned
    FROM {given:Identifier}
    WHERE NOT failed AND arrayExists(v -> v IN {asked_values:Identifier}, values_out)
        AND ({every_load:Bool} OR loaded_at IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC')))
)
GROUP BY value
