-- Who a result brings in, as (record, rank, kind, value), typed identifiers before plain names: as
-- the value of a field, which has its rank, or inside a text. What the call's own arguments carry is
-- left out: an echo introduces nobody.
CREATE OR REPLACE FUNCTION partywall_introductions AS (passages, own_identifiers, own_names) ->
    arrayMap(
        introductions -> arrayFilter(
            (found, is_own, is_own_name) -> NOT is_own AND NOT (found.3 = 'user' AND is_own_name),
            introductions,
            partywall_among(
                arrayMap(found -> (found.3, found.4), introductions), own_identifiers),
            partywall_among(tupleElement(introductions, 4), own_names)),
        [arrayDistinct(arrayConcat(
            arrayFlatten(arrayMap(
                (record, field, text, rank) -> arrayMap(
                    found -> (
                        record,
                        if(partywall_is_whole(field, found.1, found.2), rank, 'text'),
                        found.1,
                        found.2),
                    if(match(text, '[@.]|[0-9]{2}'), partywall_identifiers(text), [])),
                tupleElement(passages, 1),
                arrayMap(passage -> if(passage.2 AND length(passage.3) <= 256, passage.3, ''), passages),
                tupleElement(passages, 3),
                tupleElement(passages, 4))),
            arrayMap(
                passage -> (passage.1, passage.4, 'user', lower(passage.3)),
                arrayFilter(passage -> partywall_is_name(passage.2, passage.3), passages)),
            arraySlice(
                arrayDistinct(arrayFlatten(arrayMap(
                    passage -> arrayMap(
                        word -> (passage.1, 'text', 'user', lower(word)),
                        extractAll(passage.3, '\\b[A-Z][a-z]{2,20}\\b')),
                    arrayFilter(
                        passage -> NOT (passage.2 AND length(passage.3) <= 32), passages)))),
                1, 64)))])[1]
