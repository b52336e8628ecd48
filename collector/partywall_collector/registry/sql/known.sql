-- The rows of a table of the registry that were recorded by a moment, of some names or of all of
-- them, the newest last.
SELECT * FROM {table:Identifier}
WHERE recorded_at <= fromUnixTimestamp64Micro({at_us:Int64})
    AND ({all:Bool} OR {column:Identifier} IN {names:Array(String)})
ORDER BY recorded_at
