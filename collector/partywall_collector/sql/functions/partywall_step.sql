-- What a span is: a tool call, a hand-off, an agent, a model call, or none of them.
CREATE OR REPLACE FUNCTION partywall_step AS (name, attributes) ->
    multiIf(
        ${STEPS},
        '')
