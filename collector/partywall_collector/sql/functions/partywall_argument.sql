-- One argument as text; empty where it is missing.
CREATE OR REPLACE FUNCTION partywall_argument AS (arguments, argument) ->
    multiIf(
        JSONType(arguments, argument) = 'String', JSONExtractString(arguments, argument),
        JSONType(arguments, argument) = 'Null', '',
        JSONExtractRaw(arguments, argument))
