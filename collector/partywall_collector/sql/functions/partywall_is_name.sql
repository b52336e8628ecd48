-- Whether a field may hold a plain name: one word, or up to three capitalised ones.
CREATE OR REPLACE FUNCTION partywall_is_name AS (is_field, text) ->
    is_field
    AND match(text, '^(?:[A-Za-z][A-Za-z0-9._-]{1,31}|[A-Z][a-z]+(?: [A-Z][a-z]+){1,2})$')
    AND lower(text) NOT IN ('true', 'false', 'null', 'none')
