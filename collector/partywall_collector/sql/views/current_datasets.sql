-- The newest row of each dataset pattern.
CREATE VIEW current_datasets AS
SELECT * FROM datasets
ORDER BY recorded_at DESC
LIMIT 1 BY pattern
