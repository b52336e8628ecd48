-- The newest row of each tool, unless it says that there is none any more.
CREATE VIEW current_tools AS
SELECT * EXCEPT retired
FROM (SELECT * FROM tools ORDER BY recorded_at DESC LIMIT 1 BY tool)
WHERE NOT retired
