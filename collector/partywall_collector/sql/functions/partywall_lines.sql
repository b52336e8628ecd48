-- The lines of a text that may be YAML; a quoted value may span several lines and is one.
CREATE OR REPLACE FUNCTION partywall_lines AS (text) ->
    arrayFilter(
        line -> line.2 != '' OR line.3 != '' OR line.4 != '',
        arrayMap(
            line -> partywall_line(line, extractGroups(
                line, '^([ ]*)((?:- )*)([\'"]?[A-Za-z_][A-Za-z0-9_ @.+-]{0,60}[\'"]?:(?: |$))?')),
            extractAll(
                text,
                '(?m)^[ ]*(?:- )*(?:[\'"]?[A-Za-z_][A-Za-z0-9_ @.+-]{0,60}[\'"]?:(?: (?:\'(?:[^\']|\'\')*\'[ ]*$|"(?:[^"\\\\]|\\\\.)*"[ ]*$|[^\\n]*)|$)|(?:\'(?:[^\']|\'\')*\'[ ]*$|"(?:[^"\\\\]|\\\\.)*"[ ]*$|[^\\n]+))')))
