-- Who a result brings in, as (record, rank, kind, value), typed identifiers before plain names: as
-- the value of a field (`scalar`) or inside a text. What the call's own arguments carry is left out:
-- an echo introduces nobody.
CREATE OR REPLACE FUNCTION pw_introductions AS (passages, arguments) -> arrayFilter(
    found -> NOT has(pw_identifiers(pw_plain(arguments)), (found.3, found.4))
        AND NOT (found.3 = 'user'
            AND has(arrayMap(word -> lower(word), pw_strings(arguments)), found.4)),
    arrayDistinct(arrayConcat(
        arrayFlatten(arrayMap(
            passage -> arrayMap(
                found -> (
                    passage.1,
                    if(
                        passage.2 AND (
                            NOT match(passage.3, '[ \\t\\r\\n]')
                            OR pw_spelling(found.1, passage.3) = found.2
                            OR match(passage.3, '^[^<>\\n]{0,64}<[^<> \\n]+>$')),
                        'scalar',
                        'text'),
                    found.1,
                    found.2),
                pw_identifiers(passage.3)),
            passages)),
        arrayMap(
            passage -> (passage.1, 'scalar', 'user', lower(passage.3)),
            arrayFilter(
                passage -> passage.2
                    AND match(passage.3, '^(?:[A-Za-z][A-Za-z0-9._-]{1,31}|[A-Z][a-z]+(?: [A-Z][a-z]+){1,2})$')
                    AND lower(passage.3) NOT IN ('true', 'false', 'null', 'none'),
                passages)),
        arraySlice(arrayDistinct(arrayFlatten(arrayMap(
            passage -> arrayMap(
                word -> (passage.1, 'text', 'user', lower(word)),
                extractAll(passage.3, '\\b[A-Z][a-z]{2,20}\\b')),
            arrayFilter(
                passage -> NOT (passage.2 AND length(passage.3) <= 32), passages)))), 1, 64))))
