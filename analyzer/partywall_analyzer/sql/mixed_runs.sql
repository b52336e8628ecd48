-- Traces with calls of more than one tenant.
CREATE TABLE {mixed_runs:Identifier} ENGINE = Memory AS
SELECT trace_id FROM {calls:Identifier} GROUP BY trace_id
HAVING min(cityHash64(tenant_id)) != max(cityHash64(tenant_id))
