-- A line as (indent, dashes, key, value).
CREATE OR REPLACE FUNCTION partywall_line AS (line, groups) ->
    (
        length(groups[1]),
        groups[2],
        trim(BOTH '\'": ' FROM groups[3]),
        trim(BOTH ' \t\r' FROM substring(
            line, 1 + length(groups[1]) + length(groups[2]) + length(groups[3]))))
