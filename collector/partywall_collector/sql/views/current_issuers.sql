-- The newest row of each issuer.
CREATE VIEW current_issuers AS
SELECT * FROM issuers
ORDER BY recorded_at DESC
LIMIT 1 BY issuer_id
