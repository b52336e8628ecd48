-- The fingerprints that a span brings along, else those of the identifiers in a text.
CREATE OR REPLACE FUNCTION partywall_fingerprints AS (brought, text, secret) ->
    if(
        notEmpty(brought),
        arrayFilter(value -> value != 0, arrayMap(number -> toUInt64OrZero(number), brought)),
        arrayMap(
            identifier -> partywall_fingerprint(identifier.1, identifier.2, secret),
            partywall_identifiers(partywall_unescaped(text))))
