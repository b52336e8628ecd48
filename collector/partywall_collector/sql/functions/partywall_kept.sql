-- The attributes that may be stored: without content, unless the tenant has content stored.
CREATE OR REPLACE FUNCTION partywall_kept AS (attributes, store_content) ->
    mapFilter((name, value) -> store_content OR NOT partywall_is_content(name), attributes)
