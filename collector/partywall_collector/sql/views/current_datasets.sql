-- The newest row of each dataset pattern, unless it says that there is none any more.
CREATE VIEW current_datasets AS
SELECT * EXCEPT retired
FROM (SELECT * FROM datasets ORDER BY recorded_at DESC LIMIT 1 BY pattern)
WHERE NOT retired
