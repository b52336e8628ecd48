-- A template filled from a tool's arguments; empty if it names arguments and all are empty.
CREATE OR REPLACE FUNCTION partywall_fill AS (template, arguments) ->
    if(
        notEmpty(partywall_placeholders(template)) AND arrayAll(
            argument -> partywall_argument(arguments, argument) = '', partywall_placeholders(template)),
        '',
        arrayStringConcat(arrayMap(
            (literal, argument) -> concat(
                literal, if(argument = '', '', partywall_argument(arguments, argument))),
            splitByRegexp('\\{[^{}]+\\}', template),
            arrayResize(
                partywall_placeholders(template), length(splitByRegexp('\\{[^{}]+\\}', template)), ''))))
