-- The distinct identifiers of a text as (kind, value), in the order of their first appearance.
CREATE OR REPLACE FUNCTION partywall_identifiers AS (text) ->
    arrayMap(
        matches -> arrayDistinct(arrayFilter(
            identifier -> identifier.1 != '',
            arrayMap(
                (found, its_kind) -> (
                    if(multiIf(${NEEDS}, true) AND ${CHECKS}, its_kind, ''),
                    partywall_normalise(its_kind, multiIf(${VALUES}, found))),
                matches,
                arrayMap(found -> partywall_kind(found), matches)))),
        [extractAll(text, '${IDENTIFIERS}')])[1]
