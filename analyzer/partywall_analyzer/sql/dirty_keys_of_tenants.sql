-- The keys of the open findings of some tenants, whose grants or names changed.
SELECT rule, session_id, trace_id, credential_id, toString(identity) AS identity,
    subject AS value
FROM (SELECT * FROM ledger ORDER BY recorded_at DESC, revision DESC LIMIT 1 BY finding_id)
WHERE state != 'withdrawn'
    AND (from_tenant IN {changed_tenants:Array(String)} OR to_tenant IN {changed_tenants:Array(String)}
        OR session_id IN (SELECT session_id FROM calls WHERE tenant_id IN {renamed_tenants:Array(String)}))
