-- A list attribute as strings: an OTLP array, a JSON array in a string, or one plain string.
CREATE OR REPLACE FUNCTION partywall_strings AS (text, type) ->
    multiIf(
        type = 'array', partywall_array_items(tryBase64Decode(text)),
        startsWith(text, '['), JSONExtract(text, 'Array(String)'),
        text != '', [text],
        [])
