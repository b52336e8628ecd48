-- The traces of the calls that changed records of the registry are about.
INSERT INTO {dirty_traces:Identifier}
SELECT DISTINCT trace_id FROM calls
WHERE (notEmpty({changed_approvals:Array(String)})
        AND approval_id != '' AND approval_id IN {changed_approvals:Array(String)})
    OR (notEmpty({changed_credentials:Array(String)})
        AND credential_id != '' AND credential_id IN {changed_credentials:Array(String)})
    OR (notEmpty({changed_canaries:Array(UInt64)})
        AND (hasAny(values_in, {changed_canaries:Array(UInt64)})
            OR hasAny(values_out, {changed_canaries:Array(UInt64)})))
    OR (notEmpty({changed_tools:Array(String)}) AND tool IN {changed_tools:Array(String)})
    OR (notEmpty({changed_datasets:Array(String)})
        AND hasAny(datasets.id, {changed_datasets:Array(String)}))
    OR (notEmpty({changed_parties:Array(Tuple(String, String))})
        AND arrayExists(name -> (name.1, name.2) IN (
            SELECT tupleElement(pair, 1), tupleElement(pair, 2)
            FROM (SELECT arrayJoin({changed_parties:Array(Tuple(String, String))}) AS pair)), parties))
    OR (notEmpty({party_tenants:Array(String)})
        AND notEmpty(parties) AND tenant_id IN {party_tenants:Array(String)})
    OR (notEmpty({changed_requests:Array(Tuple(String, String))})
        AND ((tenant_id, request_id) IN (
                SELECT tupleElement(pair, 1), tupleElement(pair, 2)
                FROM (SELECT arrayJoin({changed_requests:Array(Tuple(String, String))}) AS pair))
            OR (tenant_id, session_id) IN (
                SELECT tupleElement(pair, 1), tupleElement(pair, 2)
                FROM (SELECT arrayJoin({changed_requests:Array(Tuple(String, String))}) AS pair))))
