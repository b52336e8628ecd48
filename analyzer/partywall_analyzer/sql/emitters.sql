-- Of each span of some traces, what it stands below, what made it, and whether it is a step.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    lower(hex(parent_span_id)) AS parent, step, span_kind AS kind, scope_name AS scope
FROM spans
WHERE trace_id IN {asked_traces:Identifier}
ORDER BY trace, span
LIMIT 1 BY trace, span
