-- The drills that reached these datasets, and whether their findings are to wake somebody.
SELECT dataset, caller AS tenant, any(pages) AS pages
FROM drills
WHERE dataset IN {datasets:Array(String)}
GROUP BY dataset, caller
