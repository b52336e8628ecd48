-- An OTLP AnyValue as text; an array, a map, bytes or an odd NaN as base64 of the AnyValue itself. Most
-- values are strings, and every branch is computed: what only others need works on a list of them. There,
-- what one branch works on is empty for all others.
CREATE OR REPLACE FUNCTION partywall_text AS (any_value) ->
    if(
        startsWith(any_value, '\x0A'),
        partywall_payload(any_value),
        arrayMap(
            other -> multiIf(
                startsWith(other, '\x18'),
                toString(partywall_integer(if(startsWith(other, '\x18'), other, ''))),
                startsWith(other, '\x10'), if(other = '\x10\x01', 'true', 'false'),
                startsWith(other, '\x21') AND NOT partywall_is_odd_nan(other),
                toString(reinterpretAsFloat64(substring(if(startsWith(other, '\x21'), other, ''), 2, 8))),
                base64Encode(other)),
            arrayFilter(other -> NOT startsWith(other, '\x0A'), [any_value]))[1])
