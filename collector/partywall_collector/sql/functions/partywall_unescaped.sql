-- JSON as plain text: what an escape stands for never runs into the word behind it.
CREATE OR REPLACE FUNCTION partywall_unescaped AS (json) ->
    replaceRegexpAll(replaceAll(json, '\\/', '/'), '\\\\(?:[nrtbf"\\\\]|u[0-9A-Fa-f]{4})', ' ')
