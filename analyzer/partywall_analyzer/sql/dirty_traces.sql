-- The traces of new spans and new calls, and of the calls that a changed record is about.
CREATE TABLE {dirty_traces:Identifier} ENGINE = Memory AS
SELECT trace_id FROM spans
WHERE loaded_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({new_spans:Array(Int64)}), 'UTC'))
UNION DISTINCT
SELECT trace_id FROM calls
WHERE loaded_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC'))
