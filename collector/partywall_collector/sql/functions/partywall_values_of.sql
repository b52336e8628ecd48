-- The values of one kind that an argument names: those found in it, else all of it.
CREATE OR REPLACE FUNCTION partywall_values_of AS (kind, text) ->
    arrayMap(
        found -> if(empty(found), arrayFilter(value -> value != '', [partywall_normalise(kind, text)]), found),
        [arrayMap(
            identifier -> identifier.2,
            arrayFilter(identifier -> identifier.1 = kind, partywall_identifiers(text)))])[1]
