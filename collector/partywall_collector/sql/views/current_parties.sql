-- The newest row of each tenant's party pattern, unless it says that there is none any more.
CREATE VIEW current_parties AS
SELECT * EXCEPT retired
FROM (SELECT * FROM parties ORDER BY recorded_at DESC LIMIT 1 BY tenant_id, kind, pattern)
WHERE NOT retired
