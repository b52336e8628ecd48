-- Of each span of some traces, or of their first ones, what it stands below, what made it, and whether it is a step.
SELECT * EXCEPT (start_time)
FROM (
    SELECT
        lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
        lower(hex(parent_span_id)) AS parent, step, span_kind AS kind, scope_name AS scope,
        start_time
    FROM {some_spans:Identifier}
    WHERE trace_id IN {asked_traces:Identifier}
    ORDER BY trace, start_time, span
    LIMIT 1 BY trace, span
)
ORDER BY trace, start_time, span
LIMIT 20 * {weave_spans:UInt32} BY trace
