-- All spans of dirty traces.
CREATE TABLE {spans:Identifier} ENGINE = Memory AS
SELECT * FROM spans WHERE trace_id IN {dirty_traces:Identifier}
