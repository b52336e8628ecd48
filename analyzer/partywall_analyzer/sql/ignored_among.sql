-- Which of some values are known to prove nothing.
SELECT value FROM {ignored:Identifier} WHERE value IN {values:Array(UInt64)} ORDER BY value
