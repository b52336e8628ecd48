-- One argument as a list of texts: the items of an array, or the value itself.
CREATE OR REPLACE FUNCTION partywall_argument_items AS (arguments, argument) ->
    if(
        JSONType(arguments, argument) = 'Array',
        JSONExtract(arguments, argument, 'Array(String)'),
        [partywall_argument(arguments, argument)])
