-- The newest row of each tenant's party pattern.
CREATE VIEW current_parties AS
SELECT * FROM parties
ORDER BY recorded_at DESC
LIMIT 1 BY tenant_id, kind, pattern
