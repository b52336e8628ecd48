-- The field of a record to which each line belongs: the last key that stands at the margin of the
-- record, behind its dashes.
CREATE OR REPLACE FUNCTION partywall_line_fields AS (lines) ->
    arrayMap(
        margins -> arrayFill(
            (key, line, margin) -> key != '' AND line.1 + length(line.2) <= margin,
            arrayMap(
                (line, margin) -> if(line.1 + length(line.2) <= margin, line.3, ''), lines, margins),
            lines, margins),
        [arrayFill(
            (margin, line) -> line.1 = 0,
            arrayMap(line -> if(line.1 = 0, length(line.2), 0), lines), lines)])[1]
