-- All calls of dirty sessions, of the traces that these take part in, and of dirty traces.
CREATE TABLE {calls:Identifier} ENGINE = Memory AS
SELECT * FROM calls
WHERE session_id IN {dirty_sessions:Identifier}
    OR trace_id IN {dirty_traces:Identifier}
    OR trace_id IN (SELECT trace_id FROM calls WHERE session_id IN {dirty_sessions:Identifier})
