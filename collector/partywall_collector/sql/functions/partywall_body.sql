-- A result without the fence that some agents put around it, and out of the wrapping of MCP.
CREATE OR REPLACE FUNCTION partywall_body AS (result) ->
    arrayMap(
        body -> if(
            startsWith(body, '{') AND JSONHas(body, 'content', 1, 'text'),
            JSONExtractString(body, 'content', 1, 'text'),
            body),
        [trim(BOTH '<>`\t\r\n ' FROM result)])[1]
