-- The kind of an identifier that was found in a text.
CREATE OR REPLACE FUNCTION partywall_kind AS (found) ->
    multiIf(
        ${KIND_OF},
        '')
