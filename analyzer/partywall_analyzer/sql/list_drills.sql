-- The drills that were made, the newest first.
SELECT * FROM (SELECT * FROM drills ORDER BY recorded_at DESC LIMIT 1 BY drill_id)
ORDER BY sent_at DESC
LIMIT {limit:UInt32}
