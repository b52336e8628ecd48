-- All spans of the traces that were active since a time.
CREATE TABLE {spans:Identifier} ENGINE = Memory AS
SELECT * FROM spans
WHERE trace_id IN (
    SELECT trace_id FROM spans WHERE start_time >= parseDateTime64BestEffort({since:String}, 9))
