-- One argument as text; empty where it is missing. Arguments that are no JSON are the bare value of
-- the only one: some agents lose its name.
CREATE OR REPLACE FUNCTION partywall_argument AS (arguments, argument) ->
    multiIf(
        NOT match(arguments, '^\\s*[\\[{"]'), arguments,
        JSONType(arguments, argument) = 'String', JSONExtractString(arguments, argument),
        JSONType(arguments, argument) = 'Null', '',
        JSONExtractRaw(arguments, argument))
