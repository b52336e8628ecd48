-- The distinct identifiers of a text as (kind, value), in the order of their first appearance.
CREATE OR REPLACE FUNCTION partywall_identifiers AS (text) ->
    arrayDistinct(arrayMap(
        found -> (found.1, partywall_normalise(found.1, found.2)),
        arrayFilter(
            found -> multiIf(
                ${NEEDS},
                true),
            arrayMap(
                groups -> (
                    [${FORMED_KINDS}][arrayFirstIndex(value -> value != '', groups)],
                    arrayFirst(value -> value != '', groups)),
                extractAllGroupsVertical(text, '${IDENTIFIERS}')))))
