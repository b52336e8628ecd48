-- For whom some drills were made, and whether their findings are to wake somebody.
SELECT drill_id AS id, caller AS tenant, any(pages) AS pages
FROM drills
WHERE drill_id IN {ids:Array(String)}
GROUP BY drill_id, caller
