-- The bytes behind tag and length of a length-delimited field. How many bytes the length takes
-- follows from the size of the whole: the request was serialised by us, without padding.
CREATE OR REPLACE FUNCTION partywall_payload AS (field) ->
    substring(field, multiIf(
        length(field) < 2 + 128, 3,
        length(field) < 3 + 16384, 4,
        length(field) < 4 + 2097152, 5,
        6))
