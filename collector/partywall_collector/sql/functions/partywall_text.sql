-- An OTLP AnyValue as text; an array, a map, bytes or an odd NaN as base64 of the AnyValue itself. What
-- one branch works on is empty for all others, because every branch is computed.
CREATE OR REPLACE FUNCTION partywall_text AS (any_value) ->
    multiIf(
        startsWith(any_value, '\x0A'), partywall_payload(any_value),
        startsWith(any_value, '\x18'),
        toString(partywall_integer(if(startsWith(any_value, '\x18'), any_value, ''))),
        startsWith(any_value, '\x10'), if(any_value = '\x10\x01', 'true', 'false'),
        startsWith(any_value, '\x21') AND NOT partywall_is_odd_nan(any_value),
        toString(reinterpretAsFloat64(substring(if(startsWith(any_value, '\x21'), any_value, ''), 2, 8))),
        base64Encode(if(startsWith(any_value, '\x0A'), '', any_value)))
