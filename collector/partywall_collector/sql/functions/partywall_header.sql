-- How many bytes the tag and the length of the first field take; the length takes three at most.
CREATE OR REPLACE FUNCTION partywall_header AS (fields) ->
    multiIf(
        reinterpretAsUInt8(substring(fields, 2, 1)) < 128, 2,
        reinterpretAsUInt8(substring(fields, 3, 1)) < 128, 3,
        4)
