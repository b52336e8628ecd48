-- Whether an attribute carries what was said, asked or returned.
CREATE OR REPLACE FUNCTION partywall_is_content AS (name) ->
    name IN (
        ${CONTENT_NAMES})
    OR match(name, '^(?:${CONTENT_PREFIXES})')
