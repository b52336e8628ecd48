-- The values that calls of dirty traces hold.
INSERT INTO {asked:Identifier}
SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM calls
WHERE trace_id IN {dirty_traces:Identifier}
