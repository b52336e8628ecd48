-- A tool's arguments as one JSON object: out of a JSON string, and out of the wrapping that some
-- agents put around them; those of a printed dictionary where its texts need no escape.
CREATE OR REPLACE FUNCTION partywall_arguments AS (text) ->
    arrayMap(
        plain -> multiIf(
            JSONHas(plain, '${WRAPPED_NAME}') AND JSONHas(plain, '${WRAPPED_ARGUMENTS}'),
            JSONExtractRaw(plain, '${WRAPPED_ARGUMENTS}'),
            match(JSONExtractString(plain, '${PRINTED_ARGUMENTS}'), '^\\{\'[^"\\\\]*\\}$'),
            replaceAll(
                replaceRegexpAll(
                    replaceRegexpAll(
                        replaceRegexpAll(
                            JSONExtractString(plain, '${PRINTED_ARGUMENTS}'), ': None\\b', ': null'),
                        ': True\\b', ': true'),
                    ': False\\b', ': false'),
                '\'', '"'),
            plain),
        [if(startsWith(text, '"'), JSONExtractString(text), text)])[1]
