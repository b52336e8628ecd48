-- Which of some values prove nothing.
SELECT value FROM {facts:Identifier}
WHERE value IN {values:Array(UInt64)}
GROUP BY value HAVING max(tenants) > 8 OR max(is_public)
ORDER BY value
