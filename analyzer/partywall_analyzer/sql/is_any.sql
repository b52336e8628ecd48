-- Whether a table has a row.
SELECT count() > 0 AS found FROM {table:Identifier}
