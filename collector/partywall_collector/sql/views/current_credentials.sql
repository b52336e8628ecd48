-- The newest row of each credential.
CREATE VIEW current_credentials AS
SELECT * FROM credentials
ORDER BY recorded_at DESC
LIMIT 1 BY credential_id
