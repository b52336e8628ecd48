-- Calls in scope by tenant, dataset, identity, credential or trace, latest first. Wide columns are
-- read for the rows of the answer only.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, tenant_id, session_id, request_id,
    agent, identity, subject, actor_chain, credential_id, approval_id, policy_id, policy_decision,
    tool, server, operation, datasets, parties, failed, principal, attestation,
    intDiv(toUnixTimestamp64Nano(start_time), 1000) AS start_us
FROM calls
WHERE ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
    AND ({tenant:String} = '' OR tenant_id = {tenant:String})
    AND ({identity:String} = '' OR identity = {identity:String})
    AND ({credential:String} = '' OR credential_id = {credential:String})
    AND ({trace:String} = '' OR trace_id = unhex({trace:String}))
    AND ({dataset:String} = '' OR arrayExists(d -> d.id LIKE {dataset:String}, datasets))
    AND start_time >= fromUnixTimestamp64Micro({since_us:Int64})
ORDER BY start_time DESC, span_id
LIMIT {limit:UInt32}
