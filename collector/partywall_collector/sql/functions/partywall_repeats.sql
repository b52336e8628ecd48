-- Whether one of our own keys stands twice: whoever reads it might pick the other value.
CREATE OR REPLACE FUNCTION partywall_repeats AS (attributes) ->
    length(arrayFilter(name -> startsWith(name, '${NAMESPACE}'), mapKeys(attributes)))
        != length(arrayDistinct(arrayFilter(name -> startsWith(name, '${NAMESPACE}'), mapKeys(attributes))))
