-- When the newest rows of a table were loaded.
SELECT toUnixTimestamp64Micro(max({column:Identifier})) AS at FROM {table:Identifier}
