-- What is stored in scope: spans, calls, tenants that sent any, and what was refused.
SELECT
    (SELECT count() FROM spans
        WHERE {everything:Bool} OR tenant_id IN {tenants:Array(String)}) AS spans,
    (SELECT count() FROM calls
        WHERE {everything:Bool} OR tenant_id IN {tenants:Array(String)}) AS calls,
    (SELECT uniqExact(tenant_id) FROM spans
        WHERE {everything:Bool} OR tenant_id IN {tenants:Array(String)}) AS tenants,
    (SELECT count() FROM quarantine WHERE {everything:Bool}) AS quarantined
