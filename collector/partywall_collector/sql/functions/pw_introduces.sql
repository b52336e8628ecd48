-- The first 128 introductions of a result as keyed fingerprints.
CREATE OR REPLACE FUNCTION pw_introduces AS (introductions, key) -> arrayMap(
    found -> (pw_fingerprint(found.3, found.4, key), found.3, found.2, found.1),
    arraySlice(introductions, 1, 128))
