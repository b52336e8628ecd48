-- Every tenant that attributes name under our own key, also where the key stands twice.
CREATE OR REPLACE FUNCTION partywall_claims AS (attributes) ->
    arrayFilter(
        (value, name) -> name = '${TENANT_ID}' AND value != '',
        mapValues(attributes), mapKeys(attributes))
