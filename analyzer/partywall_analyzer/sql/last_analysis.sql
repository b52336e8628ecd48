-- What the newest analysis had seen.
SELECT rules, seen FROM analyses ORDER BY recorded_at DESC LIMIT 1
