-- All rows of some names in a table of the registry, the newest last: it is in force.
SELECT * FROM {table:Identifier}
WHERE {column:Identifier} IN {names:Array(String)}
ORDER BY recorded_at
