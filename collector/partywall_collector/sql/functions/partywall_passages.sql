-- What a result says, as (record, whole, text, rank): `records` if it is JSON, else its `lines`.
-- `whole` marks the value of a field or of a list item, and `rank` tells whose field it is; text that
-- goes on over lines is not whole, nor is anything in a document. A line at the margin that is no
-- item, key or quoted value shows that the text is a document.
CREATE OR REPLACE FUNCTION partywall_passages AS (records, lines, outsiders, others) ->
    arrayConcat(
        arrayFlatten(arrayMap(
            (json, record) -> arrayMap(
                field -> arrayMap(
                    text -> (
                        toUInt16(record), true, text, partywall_rank(field.1, outsiders, others)),
                    partywall_json_strings(field.2)),
                partywall_fields(json, notEmpty(outsiders))),
            records, arrayEnumerate(records))),
        if(
            arrayExists(
                line -> line.1 = 0 AND line.2 = '' AND line.3 = '' AND NOT match(line.4, '^[\'"\\[{]')
                    AND (length(lines) > 1 OR position(line.4, ' ') > 0),
                lines),
            arrayMap(line -> (toUInt16(0), false, concat(line.3, ' ', line.4), partywall_rank('', outsiders, others)), lines),
            arrayFlatten(arrayMap(
                (line, record, field) -> partywall_line_passages(
                    line,
                    toUInt16(record),
                    length(lines) = 1,
                    partywall_rank(field, outsiders, others)),
                lines,
                arrayCumSum(arrayMap(line -> line.1 = 0 AND line.2 != '', lines)),
                if(
                    empty(outsiders),
                    arrayMap(line -> '', lines),
                    partywall_line_fields(arrayFilter(line -> notEmpty(outsiders), lines)))))))
