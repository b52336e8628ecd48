-- Of each value whether it is among the known ones, in the time and memory of both lists together:
-- `has` in a lambda would copy the known ones for each value.
CREATE OR REPLACE FUNCTION partywall_among AS (values, known) ->
    arrayMap(
        (places, most) -> arrayMap(place -> place <= most, places),
        [arraySlice(arrayEnumerateDense(arrayConcat(known, values)), length(known) + 1)],
        [length(arrayDistinct(known))])[1]
