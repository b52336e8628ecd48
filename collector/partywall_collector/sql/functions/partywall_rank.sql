-- The rank of a field's value, as `partywall.introductions.Writers.rank`: whether outsiders write it.
CREATE OR REPLACE FUNCTION partywall_rank AS (field, outsiders, others) ->
    multiIf(
        empty(outsiders), 'scalar',
        has(outsiders, field) OR (has(outsiders, '*') AND NOT has(others, field)), 'outsider',
        'inside')
