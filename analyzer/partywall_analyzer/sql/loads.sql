-- The loads of a table by their time, and how many rows each has; those before `floor` as one.
SELECT
    greatest(toUnixTimestamp64Micro({column:Identifier}), {floor:Int64} - 1) AS at, count() AS n
FROM {table:Identifier}
GROUP BY at ORDER BY at
