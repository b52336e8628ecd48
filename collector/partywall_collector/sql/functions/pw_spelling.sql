-- The one spelling of an identifier, as `partywall.identifiers.normalise`.
CREATE OR REPLACE FUNCTION pw_spelling AS (kind, value) -> arrayMap(
    v -> multiIf(
        kind = 'url', lower(replaceRegexpAll(v, '^[Ww][Ww][Ww]\\.', '')),
        kind = 'iban', upper(replaceRegexpAll(v, ' ', '')),
        kind = 'phone', lower(replaceRegexpAll(v, '[^0-9+]', '')),
        kind = 'token', v,
        lower(v)),
    [trim(BOTH ' \t\r\n' FROM value)])[1]
