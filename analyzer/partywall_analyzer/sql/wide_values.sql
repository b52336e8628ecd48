-- Values that more than eight tenants hold, of those that were judged.
INSERT INTO {wide_values:Identifier}
SELECT value FROM {facts:Identifier} GROUP BY value HAVING max(tenants) > 8
