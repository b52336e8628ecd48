-- Whether an identifier is all that a field holds, or all but a display name in front of it.
CREATE OR REPLACE FUNCTION partywall_is_whole AS (field, kind, value) ->
    field != '' AND (
        NOT match(field, '[ \\t\\r\\n]')
        OR partywall_normalise(kind, field) = value
        OR match(field, '^[^<>\\n]{0,64}<[^<> \\n]+>$'))
