-- The datasets that calls touch.
SELECT DISTINCT arrayJoin(datasets.id) AS id FROM calls WHERE id != '' ORDER BY id
