-- All calls that carry a value of an open call: a value that met goes over sessions.
CREATE TABLE {calls_of_values:Identifier} ENGINE = Memory AS
SELECT * FROM calls
WHERE (trace_id, span_id) IN (
    SELECT trace_id, span_id
    FROM (
        SELECT trace_id, span_id, arrayJoin(arrayConcat(values_in, values_out)) AS value FROM calls
    ) WHERE value IN (
        SELECT arrayJoin(arrayConcat(values_in, values_out)) FROM {calls:Identifier}))
