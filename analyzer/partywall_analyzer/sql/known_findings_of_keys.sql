-- The newest revision of the findings of dirty keys, without its content. One with a side that was
-- erased is no longer derived, and stands.
SELECT finding_id, rule_of AS rule, newest.1 AS revision, newest.2 AS state
FROM (
    SELECT
        finding_id, any(rule) AS rule_of,
        argMax(
            (revision, state, 'erased' IN (from_tenant, to_tenant, session_tenant)),
            (recorded_at, revision)) AS newest
    FROM ledger
    WHERE (ledger.rule IN {rules_of_sessions:Array(String)}
            AND session_id IN {dirty_sessions:Identifier})
        OR (ledger.rule IN {rules_of_traces:Array(String)}
            AND trace_id IN (SELECT lower(hex(trace_id)) FROM {dirty_traces:Identifier}))
        OR (ledger.rule IN {rules_of_credentials:Array(String)}
            AND credential_id IN {dirty_credentials:Identifier})
        OR (ledger.rule IN {rules_of_identities:Array(String)}
            AND identity IN {dirty_identities:Identifier})
        OR (ledger.rule IN {rules_of_values:Array(String)}
            AND subject IN (SELECT lower(hex(value)) FROM {wide_values:Identifier}))
    GROUP BY finding_id
)
WHERE NOT newest.3
