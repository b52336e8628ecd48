-- Every row of a table of the registry, the newest last.
SELECT * FROM {table:Identifier} ORDER BY recorded_at
