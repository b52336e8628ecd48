-- Traces with spans of more than one tenant.
CREATE TABLE {mixed_traces:Identifier} ENGINE = Memory AS
SELECT trace_id FROM {spans:Identifier} GROUP BY trace_id
HAVING min(cityHash64(tenant_id)) != max(cityHash64(tenant_id))
