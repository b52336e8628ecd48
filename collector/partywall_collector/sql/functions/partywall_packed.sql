-- The bytes of at most `most` packed entries of so many bytes; empty for anything else.
CREATE OR REPLACE FUNCTION partywall_packed AS (text, size, most) ->
    arrayMap(
        bytes -> if(length(bytes) % size = 0 AND length(bytes) <= size * most, bytes, ''),
        [if(length(text) <= 2 * size * most, tryBase64Decode(text), '')])[1]
