-- The sessions that take part in a dirty trace.
INSERT INTO {dirty_sessions:Identifier}
SELECT session_id FROM spans WHERE trace_id IN {dirty_traces:Identifier}
UNION DISTINCT
SELECT session_id FROM calls WHERE trace_id IN {dirty_traces:Identifier}
