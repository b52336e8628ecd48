-- Values of the calls of dirty traces at which tenants meet and that prove something, that changed, or
-- that are canaries.
CREATE TABLE {dirty_values:Identifier} ENGINE = Memory AS
SELECT value FROM {facts:Identifier}
WHERE value IN (
    SELECT arrayJoin(arrayConcat(values_in, values_out)) FROM {calls:Identifier}
    WHERE trace_id IN {dirty_traces:Identifier})
GROUP BY value
HAVING (max(tenants) > 1 OR max(is_foreign)) AND NOT (max(tenants) > 8 OR max(is_public))
UNION DISTINCT
SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM {calls:Identifier}
WHERE (SELECT count() FROM {planted:Identifier}) > 0 AND trace_id IN {dirty_traces:Identifier}
    AND value IN (SELECT value FROM {planted:Identifier})
UNION DISTINCT
SELECT value FROM {changed_values:Identifier}
