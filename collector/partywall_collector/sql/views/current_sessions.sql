-- The newest row of each request.
CREATE VIEW current_sessions AS
SELECT * FROM sessions
ORDER BY recorded_at DESC
LIMIT 1 BY tenant_id, request_id, session_id
