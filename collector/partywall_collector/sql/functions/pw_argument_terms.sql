-- The words in the short arguments of a call, and each argument that is one word as `=word`, as
-- keyed hashes: by them it is told whether the request pointed at what the call asked for.
CREATE OR REPLACE FUNCTION pw_argument_terms AS (arguments, key) -> arraySlice(
    arrayDistinct(arrayMap(
        word -> pw_term(word, key),
        arrayFlatten(arrayMap(
            value -> arrayConcat(
                [lower(value), concat('=', lower(value))],
                pw_words(value),
                arrayMap(found -> found.2, pw_identifiers(value))),
            arrayFilter(value -> length(value) BETWEEN 3 AND 128, pw_strings(arguments)))))),
    1, 64)
