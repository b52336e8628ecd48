-- Values of the calls of dirty traces that more than eight tenants hold. What others say of a value
-- does not change unless a trace with it is dirty.
INSERT INTO {wide_values:Identifier}
SELECT value FROM {facts:Identifier}
WHERE value IN (
    SELECT arrayJoin(arrayConcat(values_in, values_out)) FROM {calls:Identifier}
    WHERE trace_id IN {dirty_traces:Identifier})
GROUP BY value HAVING max(tenants) > 8
