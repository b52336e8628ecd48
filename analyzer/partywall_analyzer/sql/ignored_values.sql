-- The values that prove nothing.
SELECT value FROM {ignored:Identifier} ORDER BY value
