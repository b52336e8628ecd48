-- All calls of the sessions that were active since a time, and of the traces that cross into them.
CREATE TABLE {calls:Identifier} ENGINE = Memory AS
SELECT * FROM calls
WHERE session_id IN (
    SELECT session_id FROM calls WHERE trace_id IN (
        SELECT trace_id FROM spans WHERE start_time >= parseDateTime64BestEffort({since:String}, 9)))
