-- The newest revision of every finding, without its content.
SELECT finding_id, newest.1 AS revision, newest.2 AS state
FROM (
    SELECT finding_id, argMax((revision, state), (recorded_at, revision)) AS newest
    FROM ledger
    GROUP BY finding_id
)
