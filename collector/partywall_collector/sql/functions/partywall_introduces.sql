-- The first 128 introductions of a result as keyed fingerprints.
CREATE OR REPLACE FUNCTION partywall_introduces AS (introductions, secret) -> arrayMap(
    found -> (partywall_fingerprint(found.3, found.4, secret), found.3, found.2, found.1),
    arraySlice(introductions, 1, 128))
