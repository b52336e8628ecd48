-- The sessions that take part in a dirty trace or hold a dirty value.
CREATE TABLE {dirty_sessions:Identifier} ENGINE = Memory AS
SELECT session_id FROM spans WHERE trace_id IN {dirty_traces:Identifier}
UNION DISTINCT
SELECT session_id FROM calls WHERE trace_id IN {dirty_traces:Identifier}
