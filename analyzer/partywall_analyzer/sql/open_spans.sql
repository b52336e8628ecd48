-- All spans of dirty traces and of dirty sessions.
CREATE TABLE {spans:Identifier} ENGINE = Memory AS
SELECT * FROM spans
WHERE trace_id IN {dirty_traces:Identifier} OR session_id IN {dirty_sessions:Identifier}
