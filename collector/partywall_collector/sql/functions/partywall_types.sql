-- The types of those attributes that are not strings.
CREATE OR REPLACE FUNCTION partywall_types AS (attributes) ->
    mapFilter((name, type) -> type != 'string', mapFromArrays(
        tupleElement(attributes, 'key'),
        arrayMap(any_value -> partywall_type(any_value), tupleElement(attributes, 'value'))))
