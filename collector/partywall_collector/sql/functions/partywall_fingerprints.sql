-- The fingerprints that a span brought along, else those of the identifiers that were found.
CREATE OR REPLACE FUNCTION partywall_fingerprints AS (brought, found, secret) ->
    arrayConcat(
        arrayFilter(value -> value != 0, arrayMap(number -> toUInt64OrZero(number), brought)),
        arrayMap(
            identifier -> partywall_fingerprint(identifier.1, identifier.2, secret),
            if(empty(brought), found, [])))
