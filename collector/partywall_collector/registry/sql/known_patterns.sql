-- The rows of a table of the registry that were recorded by a moment and whose pattern may match one
-- of some names: what stands before its first sign is what the name begins with. The newest last.
SELECT * FROM {table:Identifier}
WHERE recorded_at <= fromUnixTimestamp64Micro({at_us:Int64})
    AND (startsWith({column:Identifier}, 'regex:') OR arrayExists(
        name -> startsWith(name, extract({column:Identifier}, '^[^*?\\[]*')), {names:Array(String)}))
ORDER BY recorded_at
