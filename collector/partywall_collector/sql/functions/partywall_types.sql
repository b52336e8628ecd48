-- The types of those attributes that are not strings.
CREATE OR REPLACE FUNCTION partywall_types AS (attributes) ->
    arrayMap(
        others -> mapFromArrays(
            tupleElement(others, 'key'),
            arrayMap(any_value -> partywall_type(any_value), tupleElement(others, 'value'))),
        [arrayFilter(attribute -> NOT startsWith(tupleElement(attribute, 'value'), '\x0A'), attributes)])[1]
