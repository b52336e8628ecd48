-- The records of one kind that were written in some loads.
SELECT * EXCEPT recorded_at
FROM {table:Identifier}
WHERE recorded_at IN (
    SELECT fromUnixTimestamp64Micro(arrayJoin({loads:Array(Int64)}), 'UTC'))
