-- Whether an AnyValue is a number that is none, of other bits than the one that `nan` stands for.
CREATE OR REPLACE FUNCTION partywall_is_odd_nan AS (any_value) ->
    startsWith(any_value, '\x21') AND isNaN(reinterpretAsFloat64(substring(any_value, 2, 8)))
    AND any_value != '\x21\x00\x00\x00\x00\x00\x00\xF8\x7F'
