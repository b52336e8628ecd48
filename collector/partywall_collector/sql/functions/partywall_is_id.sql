-- Whether bytes are a trace or span id of this length that is not all zeros.
CREATE OR REPLACE FUNCTION partywall_is_id AS (bytes, size) ->
    length(bytes) = size AND bytes != repeat('\0', size)
