-- How many bytes the first field has behind its length.
CREATE OR REPLACE FUNCTION partywall_size AS (fields) ->
    bitAnd(reinterpretAsUInt8(substring(fields, 2, 1)), 127)
        + if(partywall_header(fields) > 2, 128 * bitAnd(reinterpretAsUInt8(substring(fields, 3, 1)), 127), 0)
        + if(partywall_header(fields) > 3, 16384 * bitAnd(reinterpretAsUInt8(substring(fields, 4, 1)), 127), 0)
