-- Which of the tables of an analysis have a row.
SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, {mark:String}) AND total_rows > 0
