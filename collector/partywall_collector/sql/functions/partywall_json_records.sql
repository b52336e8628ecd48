-- The records of a JSON text: the objects of its top list, or of a list right below its top object;
-- what stands beside such a list is one more record.
CREATE OR REPLACE FUNCTION partywall_json_records AS (json) ->
    if(
        startsWith(json, '['),
        JSONExtractArrayRaw(json),
        arrayMap(
            entries -> arrayConcat(
                [concat(
                    '{',
                    arrayStringConcat(
                        arrayMap(
                            entry -> concat(toJSONString(entry.1), ':', entry.2),
                            arrayFilter(entry -> NOT match(entry.2, '^\\[\\s*\\{'), entries)),
                        ','),
                    '}')],
                arrayFlatten(arrayMap(
                    entry -> JSONExtractArrayRaw(entry.2),
                    arrayFilter(entry -> match(entry.2, '^\\[\\s*\\{'), entries)))),
            [JSONExtractKeysAndValuesRaw(json)])[1])
