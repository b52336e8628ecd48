-- The lines of a text that may be YAML, as (indent, dashes, key, value); a quoted value may span
-- several lines and is one.
CREATE OR REPLACE FUNCTION pw_lines AS (text) -> arrayFilter(
    line -> line.2 != '' OR line.3 != '' OR line.4 != '',
    arrayMap(
        groups -> (
            length(groups[1]), groups[2], groups[3],
            trim(BOTH ' \t\r' FROM concat(groups[4], groups[5]))),
        extractAllGroupsVertical(
            text,
            '(?m)^([ ]*)((?:- )*)(?:[\'"]?([A-Za-z_][A-Za-z0-9_ @.+-]{0,60})[\'"]?:(?: (\'(?:[^\']|\'\')*\'[ ]*$|"(?:[^"\\\\]|\\\\.)*"[ ]*$|[^\\n]*)|$)|(\'(?:[^\']|\'\')*\'[ ]*$|"(?:[^"\\\\]|\\\\.)*"[ ]*$|[^\\n]+))')))
