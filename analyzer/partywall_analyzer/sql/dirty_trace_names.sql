-- The dirty traces, as findings name them.
SELECT DISTINCT lower(hex(trace_id)) AS trace FROM {dirty_traces:Identifier}
