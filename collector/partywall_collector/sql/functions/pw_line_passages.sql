-- The passages of a text's lines. A line at the margin that is no item, key or quoted value shows
-- that the text is a document: nothing in it is the value of a field.
CREATE OR REPLACE FUNCTION pw_line_passages AS (lines) -> arrayMap(
    (ours, is_document) -> arrayFlatten(arrayMap(
        (line, record) -> multiIf(
            is_document,
            [(toUInt16(0), false, concat(line.3, ' ', line.4))],
            match(line.4, '^[\\[{]'),
            arrayMap(
                groups -> (toUInt16(record), true, concat(groups[1], groups[2])),
                extractAllGroupsVertical(
                    line.4, '\'((?:[^\'\\\\]|\\\\.)*)\'|"((?:[^"\\\\]|\\\\.)*)"')),
            position(line.3, '@') > 0,
            [(toUInt16(record), true, line.3), (toUInt16(record), true, pw_unquoted(line.4))],
            [(
                toUInt16(record),
                line.2 != '' OR line.3 != '' OR match(line.4, '^[\'"]') OR length(ours) = 1,
                pw_unquoted(line.4))]),
        ours,
        arrayCumSum(arrayMap(line -> line.1 = 0 AND line.2 != '', ours)))),
    [lines],
    [arrayExists(
        line -> line.1 = 0 AND line.2 = '' AND line.3 = '' AND NOT match(line.4, '^[\'"\\[{]')
            AND (length(lines) > 1 OR position(line.4, ' ') > 0),
        lines)])[1]
