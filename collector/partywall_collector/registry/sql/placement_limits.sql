-- The limits that count now, if a collector said any.
SELECT own_partitions, pools
FROM placement_limits
ORDER BY recorded_at DESC
LIMIT 1
