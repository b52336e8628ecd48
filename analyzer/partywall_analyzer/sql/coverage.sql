-- Of the tool calls of each tenant, agent and tool: how many have what an answer needs. A session
-- that nobody named has the id of the trace.
SELECT
    tenant_id AS tenant, agent, tool, count() AS calls,
    countIf(session_id != lower(hex(trace_id))) AS session,
    countIf(attestation NOT IN ('', 'A0')) AS attested,
    countIf(attestation IN ('A2', 'A3')) AS granted,
    countIf(identity != '') AS identity,
    countIf(notEmpty(datasets) OR notEmpty(parties)) AS asset,
    countIf(request_id != '') AS request,
    countIf(credential_id != '') AS credential,
    countIf(approval_id != '') AS approval,
    countIf(policy_decision != '') AS decision,
    countIf(notEmpty(argument_terms) OR notEmpty(values_in) OR notEmpty(values_out)
        OR notEmpty(introduces)) AS facts
FROM calls
WHERE step = 'tool'
    AND ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
    AND ({tenant:String} = '' OR tenant_id = {tenant:String} AND placement IN (
        SELECT placement FROM tenants WHERE tenant_id = {tenant:String}))
    AND start_time >= fromUnixTimestamp64Micro({since_us:Int64})
    AND ({until_us:Int64} = 0 OR start_time < fromUnixTimestamp64Micro({until_us:Int64}))
GROUP BY tenant_id, agent, tool
