-- Values at which tenants meet and that prove something.
CREATE TABLE {telling:Identifier} ENGINE = Memory AS
SELECT value FROM {met:Identifier} WHERE value NOT IN {ignored:Identifier}
