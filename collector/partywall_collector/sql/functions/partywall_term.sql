-- The keyed hash of a word, as `partywall.terms.Hasher.term`. Without a secret the cast fails, and so
-- does the load.
CREATE OR REPLACE FUNCTION partywall_term AS (word, secret) ->
    reinterpretAsUInt64(substring(
        SHA256(concat(CAST(HMAC('sha256', 'terms', secret) AS String), word)), 1, 8))
