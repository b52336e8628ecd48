-- The newest row of each reader.
CREATE VIEW current_readers AS
SELECT * FROM readers
ORDER BY recorded_at DESC
LIMIT 1 BY reader_id
