-- The one spelling of an identifier.
CREATE OR REPLACE FUNCTION partywall_normalise AS (kind, value) ->
    arrayMap(
        spelled -> multiIf(
            kind IN (${UPPER_KINDS}), upper(spelled),
            kind IN (${KEPT_KINDS}), spelled,
            lower(spelled)),
        [multiIf(
            ${REMOVALS},
            trimBoth(value, ' \t\r\n'))])[1]
