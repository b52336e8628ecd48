-- The datasets that some calls touch.
SELECT DISTINCT arrayJoin(datasets.id) AS id FROM {named_in:Identifier} WHERE id != '' ORDER BY id
