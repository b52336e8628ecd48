-- The attributes of a span that are stored with it: what may be kept, but for the facts that are in
-- `calls` already.
CREATE OR REPLACE FUNCTION partywall_stored AS (attributes, store_content, in_calls) ->
    mapFilter(
        (name, value) -> (store_content OR NOT partywall_is_content(name))
            AND NOT (in_calls AND name IN (${FACTS_OF_CALLS})),
        attributes)
