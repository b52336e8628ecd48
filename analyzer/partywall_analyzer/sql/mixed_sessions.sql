-- Sessions with calls of more than one tenant.
CREATE TABLE {mixed_sessions:Identifier} ENGINE = Memory AS
SELECT session_id FROM {calls:Identifier} GROUP BY session_id
HAVING min(cityHash64(tenant_id)) != max(cityHash64(tenant_id))
