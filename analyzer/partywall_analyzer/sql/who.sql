-- Calls in scope by any of the keys, latest first; `datasets` and `parties` are patterns. An index finds
-- the rows of each key that is no pattern. Wide columns are read for the rows of the answer
-- only; of a tenant that is named, only the partitions in which it is or was placed.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    lower(hex(parent_span_id)) AS parent, tenant_id, session_id, request_id, agent, identity,
    subject, actor_chain, credential_id, approval_id, policy_id, policy_decision, step, tool,
    call_id, server, operation, datasets, parties, failed, principal, attestation,
    arrayDistinct(arrayConcat(argument_terms, values_in)) AS arguments,
    toUnixTimestamp64Nano(start_time) AS start_ns, toUnixTimestamp64Nano(end_time) AS end_ns,
    intDiv(start_ns, 1000) AS start_us
FROM calls
WHERE ({everything:Bool} OR tenant_id IN {tenants:Array(String)})
    AND ({tenant:String} = '' OR tenant_id = {tenant:String} AND placement IN (
        SELECT placement FROM tenants WHERE tenant_id = {tenant:String}))
    AND ({session:String} = '' OR session_id = {session:String})
    AND ({request:String} = '' OR request_id = {request:String})
    AND ({agent:String} = '' OR agent = {agent:String} OR (tenant_id, trace_id) GLOBAL IN (
        SELECT tenant_id, trace_id FROM spans
        WHERE {agent:String} != '' AND step = 'agent' AND agent = {agent:String}))
    AND ({identity:String} = '' OR identity = {identity:String})
    AND ({credential:String} = '' OR credential_id = {credential:String})
    AND (empty({traces:Array(String)})
        OR trace_id IN (SELECT unhex(arrayJoin({traces:Array(String)}))))
    AND ({dataset:String} = '' OR has(datasets.id, {dataset:String}))
    AND ({datasets:String} = '' OR arrayExists(name -> name LIKE {datasets:String}, datasets.id))
    AND ({party:String} = '' OR has(
        arrayMap(name -> lowerUTF8(name), parties.value), lowerUTF8({party:String})))
    AND ({parties:String} = '' OR arrayExists(name -> name ILIKE {parties:String}, parties.value))
    AND start_time >= fromUnixTimestamp64Micro({since_us:Int64})
    AND ({until_us:Int64} = 0 OR start_time < fromUnixTimestamp64Micro({until_us:Int64}))
ORDER BY start_time DESC, span_id
LIMIT {limit:UInt32}
