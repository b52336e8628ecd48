-- Which of some traces are open: an analysis opens a trace whole.
SELECT DISTINCT lower(hex(trace_id)) AS trace FROM {open:Identifier}
WHERE trace_id IN {asked_traces:Identifier}
