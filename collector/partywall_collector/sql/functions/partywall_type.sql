-- The type of an OTLP AnyValue, by the tag of the one field that it has.
CREATE OR REPLACE FUNCTION partywall_type AS (any_value) ->
    if(
        partywall_is_odd_nan(any_value),
        'nan',
        transform(
            substring(any_value, 1, 1),
            ['\x0A', '\x10', '\x18', '\x21', '\x2A', '\x32', '\x3A'],
            ['string', 'bool', 'int', 'double', 'array', 'map', 'bytes'],
            'empty'))
