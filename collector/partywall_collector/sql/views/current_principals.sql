-- The newest row of each principal.
CREATE VIEW current_principals AS
SELECT * FROM principals
ORDER BY recorded_at DESC
LIMIT 1 BY principal_id
