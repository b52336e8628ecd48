-- A tool's arguments as one JSON object: out of a JSON string, and out of the wrapping that some
-- agents put around them.
CREATE OR REPLACE FUNCTION partywall_arguments AS (text) ->
    arrayMap(
        plain -> if(
            JSONHas(plain, '${WRAPPED_NAME}') AND JSONHas(plain, '${WRAPPED_ARGUMENTS}'),
            JSONExtractRaw(plain, '${WRAPPED_ARGUMENTS}'), plain),
        [if(startsWith(text, '"'), JSONExtractString(text), text)])[1]
