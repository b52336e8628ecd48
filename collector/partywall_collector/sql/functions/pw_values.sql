-- The fingerprints of the identifiers in a text that belong to one record each, at most 64.
CREATE OR REPLACE FUNCTION pw_values AS (text, key) -> arraySlice(
    arrayDistinct(arrayMap(
        found -> pw_fingerprint(found.1, found.2, key),
        arrayFilter(found -> found.1 NOT IN ('url', 'user'), pw_identifiers(text)))),
    1, 64)
