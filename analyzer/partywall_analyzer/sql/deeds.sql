-- What each identity did for whom, in kinds that a rule tells apart, with the first call of each kind:
-- outside any session; with a tool that, by the registry, names datasets or parties, and without any;
-- on standing power, that is with neither an approval nor a credential for one request; with a
-- credential that lives too long. Kinds of which no rule would speak are left out; most calls are by
-- what is read first.
CREATE TABLE {deeds:Identifier} ENGINE = Memory AS
WITH
    ruled AS (
        SELECT tool FROM current_tools WHERE notEmpty(datasets) OR notEmpty(party_arguments)),
    for_one_request AS (SELECT credential_id FROM current_credentials WHERE request_id != ''),
    too_long AS (
        SELECT credential_id FROM current_credentials
        WHERE dateDiff('second', issued_at, least(expires_at, revoked_at))
            > {credential_life:UInt32}),
    wide AS (
        SELECT identity FROM calls
        WHERE identity != '' AND ({everything:Bool} OR identity IN {dirty_identities:Identifier})
        GROUP BY identity HAVING uniqExact(tenant_id) >= {uniform_tenants:UInt32})
SELECT
    toString(identity) AS identity, toString(tenant_id) AS tenant_id, toString(tool) AS tool,
    toString(operation) AS act, approval_id, toString(subject) AS person,
    request_id = '' AND session_id = lower(hex(trace_id)) AS is_unbound,
    CAST(tool IN ruled, 'Bool') AS is_ruled,
    empty(datasets) AND empty(parties) AS is_silent,
    approval_id = '' AND credential_id NOT IN for_one_request AS is_standing,
    if(credential_id IN too_long, credential_id, '') AS long_lived,
    argMin(
        (trace_id, span_id, start_time, session_id, request_id, toString(agent), credential_id,
            toString(policy_id), toString(policy_decision), toString(attestation)),
        (start_time, span_id)) AS first
FROM calls
PREWHERE ({everything:Bool} OR identity IN {dirty_identities:Identifier})
    AND (request_id = '' OR tool IN ruled OR approval_id != '' OR credential_id IN too_long
        OR identity IN wide)
WHERE NOT failed
    AND (is_unbound OR is_ruled OR approval_id != '' OR long_lived != '' OR identity IN wide)
GROUP BY
    identity, tenant_id, tool, operation, approval_id, subject, is_unbound, is_ruled, is_silent,
    is_standing, long_lived
