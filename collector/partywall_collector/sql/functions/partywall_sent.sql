-- The attributes without those that only the collector may state.
CREATE OR REPLACE FUNCTION partywall_sent AS (attributes) ->
    arrayFilter(attribute -> NOT startsWith(tupleElement(attribute, 'key'), '${ATTESTATION}'), attributes)
