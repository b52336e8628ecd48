-- Spans and their bytes by placement, from the engine's list of parts: no span is read.
SELECT partition AS placement, sum(rows) AS spans, sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE active AND database = currentDatabase() AND table = 'spans'
GROUP BY partition
ORDER BY spans DESC, placement
