-- The distinct words of a text, as `partywall.terms.words`: joined ones and parts.
CREATE OR REPLACE FUNCTION partywall_words AS (text) -> arrayFilter(
    word -> length(word) >= 3,
    arrayDistinct(arrayConcat(
        arrayMap(
            word -> trim(BOTH '-._' FROM word),
            extractAll(lower(text), '[^\\x00-\\x20!-,/:-@\\[-^`{-~]+')),
        extractAll(lower(text), '[^\\x00-\\x20!-/:-@\\[-`{-~]+'))))
