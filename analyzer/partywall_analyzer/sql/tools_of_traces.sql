-- By which tool each call of some traces was made.
SELECT lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, toString(tool) AS tool
FROM {some_calls:Identifier}
WHERE trace_id IN {asked_traces:Identifier} AND tool != ''
