-- What a span is: a tool call, a hand-off, an agent, a model call, or none of them. Some frameworks
-- hand off by a tool of a telling name.
CREATE OR REPLACE FUNCTION partywall_step AS (name, attributes) ->
    arrayMap(
        step -> if(
            step = 'tool' AND match(partywall_tool(name, attributes), '^(?:${HANDOFF_TOOLS})'),
            'handoff',
            step),
        [multiIf(
            ${STEPS},
            '')])[1]
