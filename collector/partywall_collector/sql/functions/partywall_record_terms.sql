-- The words in the short values of the records that bring somebody in, as (record, term): by them
-- it is told whether a request pointed at the record. At most 256.
CREATE OR REPLACE FUNCTION partywall_record_terms AS (passages, introductions, secret) -> arraySlice(
    arrayDistinct(arrayFlatten(arrayMap(
        passage -> arrayMap(
            word -> (passage.1, partywall_term(word, secret)),
            arrayConcat([lower(passage.3)], partywall_words(passage.3))),
        arrayFilter(
            (passage, brings) -> brings AND passage.2 AND length(passage.3) BETWEEN 3 AND 64,
            passages,
            partywall_among(tupleElement(passages, 1), tupleElement(introductions, 1)))))),
    1, 256)
