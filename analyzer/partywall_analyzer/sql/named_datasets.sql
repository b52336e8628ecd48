-- The datasets that open calls touch.
SELECT DISTINCT arrayJoin(datasets.id) AS id FROM {calls:Identifier} WHERE id != '' ORDER BY id
