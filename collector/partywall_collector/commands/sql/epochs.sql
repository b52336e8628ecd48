-- How many calls of the last seven days carry fingerprints of which epoch of a key.
SELECT epoch, count() AS calls
FROM (
    SELECT arrayJoin(splitByChar(' ', attributes[{attribute:String}])) AS epoch
    FROM spans
    WHERE received_at > now() - INTERVAL 7 DAY AND step IN ('tool', 'handoff')
)
WHERE epoch != ''
GROUP BY epoch
ORDER BY calls DESC, epoch
LIMIT 50
