-- The arguments that a template such as `file/{path}` names.
CREATE OR REPLACE FUNCTION partywall_placeholders AS (template) ->
    extractAll(template, '\\{([^{}]+)\\}')
