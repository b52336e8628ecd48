-- The tool of a tool call or hand-off, from its attributes or else from its span name.
CREATE OR REPLACE FUNCTION partywall_tool AS (name, attributes) ->
    firstNonDefault(
        ${TOOL_NAME of attributes},
        multiIf(
            ${TOOL_NAME_IN_SPAN_NAME},
            name))
