-- The attributes of a span, resource, event or link as text by name.
CREATE OR REPLACE FUNCTION partywall_texts AS (attributes) ->
    CAST(
        (
            tupleElement(attributes, 'key'),
            arrayMap(any_value -> partywall_text(any_value), tupleElement(attributes, 'value')))
        AS Map(LowCardinality(String), String))
