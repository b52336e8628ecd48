-- A value that says something: not one of the words by which some agents say nothing.
CREATE OR REPLACE FUNCTION partywall_said AS (value) ->
    if(value IN (${EMPTY}), '', value)
