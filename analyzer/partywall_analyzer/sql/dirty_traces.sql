-- The traces of new spans and new calls, and those with a span that links to a new one.
CREATE TABLE {dirty_traces:Identifier} ENGINE = Memory AS
SELECT trace_id FROM spans
WHERE loaded_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({new_spans:Array(Int64)}), 'UTC'))
UNION DISTINCT
SELECT trace_id FROM calls
WHERE loaded_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({new_calls:Array(Int64)}), 'UTC'))
UNION DISTINCT
SELECT trace_id FROM spans WHERE notEmpty(links) AND arrayExists(
    target -> target IN (
        SELECT trace_id FROM spans WHERE loaded_at IN (
            SELECT fromUnixTimestamp64Micro(arrayJoin({new_spans:Array(Int64)}), 'UTC'))),
    links.trace_id)
