-- The newest row of each canary.
CREATE VIEW current_canaries AS
SELECT * FROM canaries
ORDER BY recorded_at DESC
LIMIT 1 BY tenant_id, canary_id
