-- The keyed hash of a word, as `partywall_collector.registry.terms.Hasher.term`.
CREATE OR REPLACE FUNCTION pw_term AS (word, key) -> sipHash64Keyed(
    (
        reinterpretAsUInt64(substring(HMAC('sha256', 'terms', key), 1, 8)),
        reinterpretAsUInt64(substring(HMAC('sha256', 'terms', key), 9, 8))),
    word)
