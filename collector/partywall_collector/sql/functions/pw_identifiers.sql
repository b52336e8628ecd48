-- The distinct identifiers of a text as (kind, value), as `partywall.identifiers.find`: the same
-- alternation, one group a kind.
CREATE OR REPLACE FUNCTION pw_identifiers AS (text) -> arrayDistinct(arrayMap(
    found -> (found.1, pw_spelling(found.1, found.2)),
    arrayFilter(
        found -> NOT ((found.1 = 'token' AND NOT match(found.2, '[0-9]')) OR (found.1 = 'ref' AND NOT match(found.2, '[0-9]'))),
        arrayMap(
            groups -> (
                ['email', 'uuid', 'url', 'iban', 'phone', 'token', 'ref'][arrayFirstIndex(x -> x != '', groups)],
                arrayFirst(x -> x != '', groups)),
            extractAllGroupsVertical(text, '(?:([A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){1,8}))|(?:\\b([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})\\b)|(?:(?:https?://(?:[^/?#@ \\t\\r\\n\\"\'<>]{1,200}@)?)?((?:[A-Za-z0-9-]{1,63}\\.){1,8}(?:[a-z]{2,24}|[A-Z]{2,24})\\b|[0-9]{1,3}(?:\\.[0-9]{1,3}){3}\\b)(?::[0-9]{1,5})?(?:[/?#][^ \\t\\r\\n\\"\'<>\\\\]*)?)|(?:\\b([A-Z]{2}[0-9]{2}(?:(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?|[A-Z0-9]{11,30}))\\b)|(?:(\\+[0-9][0-9 .()-]{6,18}[0-9]|\\b[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4})\\b)|(?:\\b([A-Za-z0-9_-]{20,128})\\b)|(?:\\b([A-Za-z]{2,8}-[A-Za-z0-9]{5,18})\\b)')))))
