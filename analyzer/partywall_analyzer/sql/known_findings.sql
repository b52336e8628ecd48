-- The newest revision of every finding, without its content. One with a side that was erased is no
-- longer derived, and stands.
SELECT finding_id, rule, newest.1 AS revision, newest.2 AS state
FROM (
    SELECT
        finding_id, any(ledger.rule) AS rule,
        argMax(
            (revision, state, 'erased' IN (from_tenant, to_tenant, session_tenant)),
            (recorded_at, revision)) AS newest
    FROM ledger
    GROUP BY finding_id
)
WHERE NOT newest.3
