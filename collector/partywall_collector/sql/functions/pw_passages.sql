-- What a result says, as (record, whole, text): the values of its records if it has records (JSON,
-- YAML or a printed Python value), else the document as one text. `whole` marks the value of a
-- field or of a list item; text that goes on over lines, or a document, is not.
CREATE OR REPLACE FUNCTION pw_passages AS (result) -> arrayMap(
    body -> if(
        match(body, '^[\\[{]') AND isValidJSON(body),
        arrayFlatten(arrayMap(
            (record, number) -> arrayMap(
                text -> (toUInt16(number), true, text), pw_strings(record)),
            pw_json_records(body), arrayEnumerate(pw_json_records(body)))),
        pw_line_passages(pw_lines(body))),
    [arrayMap(
        body -> if(
            startsWith(body, '{') AND JSONHas(body, 'content', 1, 'text'),
            JSONExtractString(body, 'content', 1, 'text'),
            body),
        [trim(BOTH '<>`\t\r\n ' FROM result)])[1]])[1]
