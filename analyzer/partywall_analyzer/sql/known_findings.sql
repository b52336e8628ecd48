-- The newest revision of every finding, without its content.
SELECT finding_id, newest.1 AS revision, newest.2 AS state, newest.3 AS last_seen_us
FROM (
    SELECT
        finding_id,
        argMax(
            (revision, state, intDiv(toUnixTimestamp64Nano(last_seen), 1000)),
            (recorded_at, revision)) AS newest
    FROM ledger
    GROUP BY finding_id
)
