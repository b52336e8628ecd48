-- The newest row of each of some credentials.
SELECT * FROM credentials
WHERE credential_id IN {ids:Array(String)}
ORDER BY recorded_at DESC
LIMIT 1 BY credential_id
