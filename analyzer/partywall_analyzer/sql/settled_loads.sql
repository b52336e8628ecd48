-- The loads of close records that have settled since the last analysis.
SELECT DISTINCT toUnixTimestamp64Micro(loaded_at) AS at FROM spans
WHERE loaded_at > fromUnixTimestamp64Micro({settled_before:Int64}, 'UTC')
    AND loaded_at <= fromUnixTimestamp64Micro({settled:Int64}, 'UTC')
    AND sequence > 0 AND name = {close_record:String}
