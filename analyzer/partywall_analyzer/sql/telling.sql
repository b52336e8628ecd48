-- Values at which tenants meet, held for two or at a dataset of another one, and that prove something.
CREATE TABLE {telling:Identifier} ENGINE = Memory AS
SELECT value FROM {facts:Identifier}
GROUP BY value
HAVING (max(tenants) > 1 OR max(is_foreign)) AND NOT (max(tenants) > 8 OR max(is_public))
