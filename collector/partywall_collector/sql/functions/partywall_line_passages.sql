-- The passages of one line of a record: a printed list or object has several, a mailbox as key and
-- its value are two.
CREATE OR REPLACE FUNCTION partywall_line_passages AS (line, record, is_only, rank) ->
    multiIf(
        match(line.4, '^[\\[{]'),
        arrayMap(
            groups -> (record, true, concat(groups[1], groups[2]), rank),
            extractAllGroupsVertical(line.4, '\'((?:[^\'\\\\]|\\\\.)*)\'|"((?:[^"\\\\]|\\\\.)*)"')),
        position(line.3, '@') > 0,
        [(record, true, line.3, rank), (record, true, partywall_unquoted(line.4), rank)],
        [(
            record,
            line.2 != '' OR line.3 != '' OR match(line.4, '^[\'"]') OR is_only,
            partywall_unquoted(line.4),
            rank)])
