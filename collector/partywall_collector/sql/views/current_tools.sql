-- The newest row of each tool.
CREATE VIEW current_tools AS
SELECT * FROM tools
ORDER BY recorded_at DESC
LIMIT 1 BY tool
