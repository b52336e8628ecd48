-- The sessions that take part in a dirty trace, and those whose close has settled.
INSERT INTO {dirty_sessions:Identifier}
SELECT session_id FROM spans WHERE trace_id IN {dirty_traces:Identifier}
UNION DISTINCT
SELECT session_id FROM calls WHERE trace_id IN {dirty_traces:Identifier}
UNION DISTINCT
SELECT session_id FROM spans
WHERE sequence > 0 AND name = {close_record:String}
    AND loaded_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({new_closes:Array(Int64)}), 'UTC'))
