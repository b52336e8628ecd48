-- All strings of a JSON text, keys only where they could name a party.
CREATE OR REPLACE FUNCTION partywall_json_strings AS (json) -> arrayFilter(
    value -> value != '',
    arrayMap(
        groups -> if(
            groups[2] = '' OR match(groups[1], '[@.]'),
            JSONExtractString(concat('"', groups[1], '"')),
            ''),
        extractAllGroupsVertical(json, '"((?:[^"\\\\]|\\\\.)*)"([ \\t\\r\\n]*:)?')))
