-- How many bytes the first field has behind its length: seven bits a byte, the lowest first.
CREATE OR REPLACE FUNCTION partywall_size AS (fields) ->
    arrayMap(
        (low, middle, high) -> toUInt32(multiIf(
            low < 128, low,
            middle < 128, low - 128 + 128 * middle,
            low - 128 + 128 * (middle - 128) + 16384 * high)),
        [reinterpretAsUInt8(substring(fields, 2, 1))],
        [reinterpretAsUInt8(substring(fields, 3, 1))],
        [reinterpretAsUInt8(substring(fields, 4, 1))])[1]
