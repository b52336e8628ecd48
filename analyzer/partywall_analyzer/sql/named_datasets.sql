-- The datasets that open calls touch.
SELECT DISTINCT id FROM (
    SELECT DISTINCT arrayJoin(datasets.id) AS id FROM {calls:Identifier}
    UNION ALL
    SELECT DISTINCT arrayJoin(datasets.id) AS id FROM {calls_of_values:Identifier}
) WHERE id != '' ORDER BY id
