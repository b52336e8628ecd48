-- What a result says, as (record, whole, text): `records` if it is JSON, else its `lines`. `whole`
-- marks the value of a field or of a list item; text that goes on over lines is not, nor is
-- anything in a document. A line at the margin that is no item, key or quoted value shows that the
-- text is a document.
CREATE OR REPLACE FUNCTION partywall_passages AS (records, lines) ->
    arrayConcat(
        arrayFlatten(arrayMap(
            (json, record) -> arrayMap(
                text -> (toUInt16(record), true, text), partywall_json_strings(json)),
            records, arrayEnumerate(records))),
        if(
            arrayExists(
                line -> line.1 = 0 AND line.2 = '' AND line.3 = '' AND NOT match(line.4, '^[\'"\\[{]')
                    AND (length(lines) > 1 OR position(line.4, ' ') > 0),
                lines),
            arrayMap(line -> (toUInt16(0), false, concat(line.3, ' ', line.4)), lines),
            arrayFlatten(arrayMap(
                (line, record) -> partywall_line_passages(line, toUInt16(record), length(lines) = 1),
                lines, arrayCumSum(arrayMap(line -> line.1 = 0 AND line.2 != '', lines))))))
