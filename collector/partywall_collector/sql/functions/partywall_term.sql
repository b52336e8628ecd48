-- The keyed hash of a word, as `partywall_collector.registry.terms.Hasher.term`. Without a secret
-- the casts fail, and so does the load.
CREATE OR REPLACE FUNCTION partywall_term AS (word, secret) ->
    sipHash64Keyed(
        (
            CAST(reinterpretAsUInt64(substring(HMAC('sha256', 'terms', secret), 1, 8)) AS UInt64),
            CAST(reinterpretAsUInt64(substring(HMAC('sha256', 'terms', secret), 9, 8)) AS UInt64)),
        word)
