-- The attributes without content, in their order and each as often as it was sent: name, text, type.
CREATE OR REPLACE FUNCTION partywall_kept_list AS (attributes, types) ->
    arrayMap(
        attribute -> (attribute.1, attribute.2, types[attribute.1]),
        CAST(partywall_kept(attributes, false) AS Array(Tuple(String, String))))
