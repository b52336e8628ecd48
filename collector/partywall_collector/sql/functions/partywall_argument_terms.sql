-- The words in the short arguments of a call, and each argument that is one word as `=word`, as
-- keyed hashes: by them it is told whether the request pointed at what the call asked for.
CREATE OR REPLACE FUNCTION partywall_argument_terms AS (arguments, secret) -> arraySlice(
    arrayDistinct(arrayMap(
        word -> partywall_term(word, secret),
        arrayFlatten(arrayMap(
            value -> arrayConcat(
                [lower(value), concat('=', lower(value))],
                partywall_words(value),
                arrayMap(found -> found.2, partywall_identifiers(value))),
            arrayFilter(value -> length(value) BETWEEN 3 AND 128, partywall_json_strings(arguments)))))),
    1, 64)
